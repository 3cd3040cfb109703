/** Where volumes appear in an app: mounts that somebody asked for, and the image's mount points. Pure. */

import type { App } from '../appc/app.ts';
import type { ACName } from '../appc/identifiers.ts';
import type { Mount } from '../appc/pod-manifest.ts';
import { emptyVolumeDefaults, type Volume } from '../appc/volume.ts';
import type { Log } from '../base/log.ts';
import { normalizedPath } from '../base/normalized-path.ts';
import { composeError } from './compose-error.ts';

/** A mount that somebody asked for, and how to say what is wrong with it. */
export interface WantedMount extends Mount {
  fail(reason: string, hint?: string): never;
}

/** The volumes of a pod by name; those that nobody asked for are added to it. */
export type Volumes = Map<ACName, Volume>;

/**
 * The mounts of an app, one per path. `wanted` stand for themselves, the later of two at one path wins, and they take the
 * place of a mount point at the same path. Any other mount point is filled by the volume of its name, or by a new empty one
 * (rkt's documentation of run, "Mount Volumes into a Pod").
 */
export function composeMounts(
  name: ACName,
  app: App,
  wanted: readonly WantedMount[],
  volumes: Volumes,
  log: Log,
): Mount[] {
  const mounts = new Map<string, Mount>();
  for (const { volume, path: target, appVolume, fail } of wanted) {
    if (appVolume === undefined && !volumes.has(volume)) fail(`there is no volume "${volume}"`, 'add a --volume');
    const path = normalizedPath(target);
    if (path === '/') fail('a volume cannot replace the root filesystem');
    mounts.set(path, { volume, path, ...(appVolume === undefined ? {} : { appVolume }) });
  }
  for (const point of app.mountPoints) {
    const path = normalizedPath(point.path);
    if (mounts.has(path)) continue;
    const volume = volumes.get(point.name) ?? implicitVolume(name, point.name, volumes, log);
    mounts.set(path, { volume: volume.name, path });
  }
  refuseOverlaps(name, [...mounts.keys()]);
  return [...mounts.values()];
}

function implicitVolume(app: ACName, point: ACName, volumes: Volumes, log: Log): Volume {
  const base = `${app}-${point}`;
  let name = base;
  for (let count = 1; volumes.has(name); count++) name = `${base}-${count}`;
  const volume: Volume = { name, kind: 'empty', ...emptyVolumeDefaults };
  log.warn(`app "${app}": no volume for mount point "${point}": using an empty one`);
  volumes.set(name, volume);
  return volume;
}

/** A mount below another mount depends on the order of both, which a manifest does not promise (ace.md, Volume Setup). */
function refuseOverlaps(app: ACName, paths: readonly string[]): void {
  const sorted = [...paths].sort();
  for (const outer of sorted) {
    const inner = sorted.find((path) => path.startsWith(`${outer}/`));
    if (inner !== undefined) {
      throw composeError(`app "${app}": the mounts at ${outer} and ${inner} overlap`, 'mount them side by side');
    }
  }
}
