/** The sources of volumes, before anything is mounted. */

import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { annotationValue } from '../appc/annotations.ts';
import type { EmptyVolume, HostVolume, Volume } from '../appc/volume.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { privateTree } from '../base/shared-dirs.ts';
import { dockerAnnotations } from '../image/docker-annotations.ts';
import { statusInImage } from '../image/lookup.ts';
import type { PreparedApp } from '../stage1/prepared-app.ts';
import { volumeDir } from '../stage1/volume-mounts.ts';

/**
 * A host volume's source must exist, and no component of its path may be a symbolic link (ace.md, Volume Setup). stage1 opens
 * it under the same rule, so a link that is put there in the meantime is refused as well. Errors: EVOLUME.
 */
export function checkHostVolume(volume: HostVolume): void {
  let path = '';
  for (const part of volume.source.split('/').filter((text) => text !== '')) {
    path += `/${part}`;
    if (isLink(path, volume)) {
      throw volumeError(volume, `${path === volume.source ? 'it' : path} is a symbolic link`, 'name the real path');
    }
  }
}

function isLink(path: string, volume: HostVolume): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT')
      throw volumeError(volume, 'it does not exist', 'rkt does not create it; mkdir it first');
    throw volumeError(volume, messageOf(error));
  }
}

const volumeError = (volume: HostVolume, reason: string, hint?: string): RktError =>
  new RktError(`volume "${volume.name}": source ${volume.source}: ${reason}`, {
    code: 'EVOLUME',
    ...(hint === undefined ? {} : { hint }),
  });

/**
 * Makes the directories of empty volumes: those of the pod, and those that stand in a mount. One that nobody asked for takes
 * the place of what the image has at its mount point, so it looks like that: of an image of Docker it has the content, owner
 * and mode of the directory there, as Docker's volumes have; of any other the owner and mode.
 */
export async function makeEmptyVolumes(
  podDir: string,
  volumes: readonly Volume[],
  apps: readonly PreparedApp[],
  implicit: ReadonlySet<string>,
): Promise<void> {
  for (const volume of volumes) {
    if (volume.kind === 'empty' && !implicit.has(volume.name))
      makeDirectory(volume, podFiles.volume(podDir, volume.name));
  }
  for (const app of apps) {
    for (const mount of app.manifest.mounts) {
      const { appVolume } = mount;
      const dir = volumeDir(podDir, app.name, mount);
      if (appVolume?.kind === 'empty') makeDirectory(appVolume, dir);
      else if (appVolume === undefined && implicit.has(mount.volume)) await makeLikeImage(app, mount.path, dir);
    }
  }
}

function makeDirectory({ uid, gid, mode }: EmptyVolume, dir: string): void {
  mkdirSync(dirname(dir), privateTree);
  mkdirSync(dir);
  chownSync(dir, uid, gid);
  chmodSync(dir, Number.parseInt(mode, 8));
}

async function makeLikeImage({ image, lowers }: PreparedApp, path: string, dir: string): Promise<void> {
  const status = statusInImage(lowers, path);
  mkdirSync(dirname(dir), privateTree);
  if (status?.isDirectory() !== true) {
    mkdirSync(dir, { mode: 0o755 });
  } else if (annotationValue(image.manifest.annotations, dockerAnnotations.repository) === undefined) {
    mkdirSync(dir);
    chownSync(dir, status.uid, status.gid);
    chmodSync(dir, status.mode & 0o7777);
  } else {
    const { copyTree, storeLayer } = await import('../image/render/index.ts');
    copyTree(
      lowers.map((lower) => storeLayer(lower)),
      dir,
      path,
    );
  }
}
