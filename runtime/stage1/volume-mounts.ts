/** From the mounts of an app to those of the launch plan. */

import type { MountPoint } from '../appc/mount-point.ts';
import type { Mount, PodManifest } from '../appc/pod-manifest.ts';
import type { Volume } from '../appc/volume.ts';
import { normalizedPath } from '../base/normalized-path.ts';
import { podFiles } from '../base/paths.ts';
import { deviceAt } from './devices.ts';
import type { PlanMount } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';

export const volumeOf = (mount: Mount, { volumes }: PodManifest): Volume =>
  mount.appVolume ?? (volumes.find(({ name }) => name === mount.volume) as Volume);

/** Where an empty volume lies: that of a mount alone apart from the pod's, which may have its name. */
export function volumeDir(podDir: string, app: string, mount: Mount): string {
  return podFiles.volume(podDir, mount.appVolume === undefined ? mount.volume : `${app}.${mount.volume}`);
}

/** A mount is read-only if its volume is, or if the mount point that it fills says so. */
export function isReadOnly(mount: Mount, volume: Volume, points: readonly MountPoint[]): boolean {
  const point =
    points.find(({ path }) => normalizedPath(path) === mount.path) ?? points.find(({ name }) => name === mount.volume);
  return volume.readOnly === true || point?.readOnly === true;
}

/** The mounts of one app, without those at a path of `without`. */
export function planMounts(
  { name, app, manifest: { mounts } }: PreparedApp,
  manifest: PodManifest,
  podDir: string,
  without: readonly string[],
): PlanMount[] {
  return mounts
    .filter(({ path }) => !without.includes(path))
    .map((mount) => {
      const volume = volumeOf(mount, manifest);
      const source = volume.kind === 'host' ? volume.source : volumeDir(podDir, name, mount);
      return {
        source,
        target: mount.path,
        readOnly: isReadOnly(mount, volume, app.mountPoints),
        recursive: volume.kind === 'host' && volume.recursive !== false,
        ...(volume.kind === 'host' && deviceAt(source) !== undefined ? { devices: true } : {}),
      };
    });
}
