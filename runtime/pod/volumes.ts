/** The sources of volumes, before anything is mounted. */

import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import type { EmptyVolume, HostVolume } from '../appc/volume.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';

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

/** Makes the directory of an empty volume with the owner and mode that the manifest asks for. */
export function makeEmptyVolume(volume: EmptyVolume, dir: string): void {
  mkdirSync(dirname(dir), { recursive: true, mode: 0o700 });
  mkdirSync(dir);
  chownSync(dir, volume.uid, volume.gid);
  chmodSync(dir, Number.parseInt(volume.mode, 8));
}
