/** Apps with device volumes may open these devices and the everyday ones, and no others (rkt's documentation, block-devices.md). */

import type { PodManifest } from '../appc/pod-manifest.ts';
import { RktError } from '../base/errors.ts';
import { commonDevices, type DeviceRule, deviceAt, deviceFilter, deviceWrites } from './devices.ts';
import type { PreparedApp } from './prepared-app.ts';
import { isReadOnly, volumeOf } from './volume-mounts.ts';

export interface DeviceLimits {
  /** `[file, value]` of the pod's group in the devices hierarchy of cgroup v1; empty where another way is taken. */
  readonly writes: readonly (readonly [file: string, value: string])[];
  /** By app, for the unified hierarchy. */
  readonly filters: ReadonlyMap<string, Buffer>;
}

/** Which ways the host has to keep devices from an app. */
export interface DeviceControl {
  /** The devices controller of cgroup v1. */
  readonly controller: boolean;
  /** The unified hierarchy. */
  readonly unified: boolean;
}

/**
 * What keeps devices from the apps that have a volume which is one; undefined where no app has one. On a read-only mount a
 * device can be written to all the same, so only this keeps one read-only. Errors: EVOLUME where a device is to be read-only
 * and the host has no control of devices.
 */
export function deviceLimits(
  apps: readonly PreparedApp[],
  manifest: PodManifest,
  controlOf: () => DeviceControl,
): DeviceLimits | undefined {
  const limited = apps
    .map((app) => ({ name: app.name, rules: rulesOf(app, manifest) }))
    .filter(({ rules }) => rules.length > 0);
  if (limited.length === 0) return undefined;
  const { controller, unified } = controlOf();
  if (!controller && !unified) refuseReadOnly(limited.flatMap(({ rules }) => rules));
  const complete = limited.map(({ name, rules }) => ({ name, rules: [...commonDevices, ...rules] }));
  return {
    writes: controller ? complete.flatMap(({ name, rules }) => writesFor(name, rules)) : [],
    filters: new Map(controller || !unified ? [] : complete.map(({ name, rules }) => [name, deviceFilter(rules)])),
  };
}

const writesFor = (app: string, rules: readonly DeviceRule[]): [file: string, value: string][] =>
  deviceWrites(rules).map(([file, value]) => [`${app}/${file}`, value]);

interface VolumeRule extends DeviceRule {
  readonly volume: string;
}

function rulesOf({ app, manifest: { mounts } }: PreparedApp, pod: PodManifest): VolumeRule[] {
  return mounts.flatMap((mount): VolumeRule[] => {
    const volume = volumeOf(mount, pod);
    const device = volume.kind === 'host' ? deviceAt(volume.source) : undefined;
    if (device === undefined) return [];
    return [{ ...device, volume: volume.name, access: isReadOnly(mount, volume, app.mountPoints) ? 'r' : 'rw' }];
  });
}

function refuseReadOnly(rules: readonly VolumeRule[]): void {
  const rule = rules.find(({ access }) => access === 'r');
  if (rule === undefined) return;
  throw new RktError(`volume "${rule.volume}": this host cannot keep a device read-only`, {
    code: 'EVOLUME',
    hint: 'it has neither the devices controller of cgroup v1 nor the unified hierarchy; give the app the device without readOnly, or not at all',
  });
}
