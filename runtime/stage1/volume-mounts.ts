/** From the mounts of an app to those of the launch plan, and to the device nodes that they open. */

import { lstatSync } from 'node:fs';
import type { MountPoint } from '../appc/mount-point.ts';
import type { Mount, PodManifest } from '../appc/pod-manifest.ts';
import type { Volume } from '../appc/volume.ts';
import { errnoOf, RktError } from '../base/errors.ts';
import { normalizedPath } from '../base/normalized-path.ts';
import { podFiles } from '../base/paths.ts';
import type { PlanCgroup, PlanMount } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';

/** A device node that an app may open, by a volume whose source it is. */
interface DeviceRule {
  readonly type: 'b' | 'c';
  readonly major: number;
  readonly minor: number;
  readonly volume: string;
  readonly readOnly: boolean;
}

const volumeOf = (mount: Mount, { volumes }: PodManifest): Volume =>
  mount.appVolume ?? (volumes.find(({ name }) => name === mount.volume) as Volume);

/** Where an empty volume lies: that of a mount alone apart from the pod's, which may have its name. */
export function volumeDir(podDir: string, app: string, mount: Mount): string {
  return podFiles.volume(podDir, mount.appVolume === undefined ? mount.volume : `${app}.${mount.volume}`);
}

/** A mount is read-only if its volume is, or if the mount point that it fills says so. */
function isReadOnly(mount: Mount, volume: Volume, points: readonly MountPoint[]): boolean {
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

/** Type and number of the device node at `path`; undefined where something else is there. */
function deviceAt(path: string): Pick<DeviceRule, 'type' | 'major' | 'minor'> | undefined {
  try {
    const status = lstatSync(path);
    const type = status.isBlockDevice() ? 'b' : status.isCharacterDevice() ? 'c' : undefined;
    return type && { type, ...deviceNumber(status.rdev) };
  } catch (error) {
    // stage1 says what is wrong with it.
    if (errnoOf(error) !== undefined) return undefined;
    throw error;
  }
}

/** As gnu_dev_major(3) and gnu_dev_minor(3) take a dev_t apart, which may have more than 32 bits. */
function deviceNumber(device: number): { major: number; minor: number } {
  const bits = BigInt(device);
  return {
    major: Number(((bits >> 8n) & 0xfffn) | ((bits >> 32n) & ~0xfffn)),
    minor: Number((bits & 0xffn) | ((bits >> 12n) & ~0xffn)),
  };
}

/**
 * What an app with device volumes may open, as the devices controller of cgroup v1 takes it: the nodes that every app has, the
 * terminals, and its own. Others may be made, as whiteouts are, but not opened.
 */
const commonRules = [
  'c *:* m',
  'b *:* m',
  'c 1:3 rwm',
  'c 1:5 rwm',
  'c 1:7 rwm',
  'c 1:8 rwm',
  'c 1:9 rwm',
  'c 5:0 rwm',
  'c 5:1 rwm',
  'c 5:2 rwm',
  'c 136:* rwm',
];

/**
 * The pod's group in the devices hierarchy, where an app has a device volume; undefined where none has. On a read-only mount a
 * device can be written to all the same, so only this keeps one read-only. `hierarchyOf` says where the controller is mounted.
 * Errors: EVOLUME where a device is to be read-only and the host has no such controller.
 */
export function deviceCgroup(
  apps: readonly PreparedApp[],
  manifest: PodManifest,
  scope: string,
  hierarchyOf: () => string | undefined,
): PlanCgroup | undefined {
  const ruled = apps.map((app) => ({ app, rules: deviceRules(app, manifest) })).filter(({ rules }) => rules.length > 0);
  if (ruled.length === 0) return undefined;
  const hierarchy = hierarchyOf();
  if (hierarchy !== undefined) {
    return { dir: `${hierarchy}/${scope}`, writes: ruled.flatMap(({ app, rules }) => writesFor(app.name, rules)) };
  }
  const readOnly = ruled.flatMap(({ rules }) => rules).find((rule) => rule.readOnly);
  if (readOnly === undefined) return undefined;
  throw new RktError(`volume "${readOnly.volume}": this host cannot keep a device read-only`, {
    code: 'EVOLUME',
    hint: 'it has no devices controller (cgroup v1); give the app the device without readOnly, or not at all',
  });
}

function writesFor(app: string, rules: readonly DeviceRule[]): [file: string, value: string][] {
  const own = rules.map(({ type, major, minor, readOnly }) => `${type} ${major}:${minor} ${readOnly ? 'r' : 'rw'}m`);
  return [
    [`${app}/devices.deny`, 'a'],
    ...[...commonRules, ...own].map((rule): [string, string] => [`${app}/devices.allow`, rule]),
  ];
}

function deviceRules({ app, manifest: { mounts } }: PreparedApp, pod: PodManifest): DeviceRule[] {
  return mounts.flatMap((mount): DeviceRule[] => {
    const volume = volumeOf(mount, pod);
    const device = volume.kind === 'host' ? deviceAt(volume.source) : undefined;
    if (device === undefined) return [];
    return [{ ...device, volume: volume.name, readOnly: isReadOnly(mount, volume, app.mountPoints) }];
  });
}
