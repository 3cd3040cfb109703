/** What becomes of the isolators that bound resources, on this host. */

import { isolatorNames, type KnownIsolator } from '../../appc/isolators.ts';
import type { CgroupHierarchy } from '../cgroups.ts';
import { type Controller, carriesOut, leastCpu } from './cgroup-settings.ts';
import { changed, enforced, type IsolatorOutcome, ignored } from './outcome.ts';
import type { BoundedResource } from './resources.ts';

/** What decides about resources. */
export interface ResourceSituation {
  readonly hierarchies: readonly CgroupHierarchy[];
  /** What the pod allows the app less of than it asks for. */
  readonly cut: ReadonlySet<BoundedResource>;
}

/** What carries an isolator out, and which amounts it speaks of. */
const carriers: Readonly<Record<string, readonly [Controller, ...BoundedResource[]]>> = {
  'resource/cpu': ['cpu', 'cpuLimit', 'cpuRequest'],
  'resource/memory': ['memory', 'memoryLimit', 'memoryRequest'],
  'resource/block-bandwidth': ['io', 'blockBandwidth'],
  'resource/block-iops': ['io', 'blockIops'],
  [isolatorNames.cpuShares]: ['cpu'],
  [isolatorNames.pidsLimit]: ['pids', 'pids'],
};

/** `isolator` is a known one; those without a carrier are about the network. */
export function resourceOutcome(name: string, isolator: KnownIsolator, situation: ResourceSituation): IsolatorOutcome {
  const [controller, ...amounts] = carriers[name] ?? [];
  if (controller === undefined) return ignored(name, 'rkt does not limit network traffic');
  const carrier = situation.hierarchies.find((hierarchy) => carriesOut(hierarchy, controller));
  if (carrier === undefined) return ignored(name, `the host has no ${controller} controller`);
  if (amounts.some((amount) => situation.cut.has(amount))) return changed(name, 'it is no more than the pod may have');
  const isCpu = isolator.kind === 'resource' && isolator.resource === 'cpu';
  if (isCpu && isolator.limit !== undefined && isolator.limit < leastCpu) {
    return changed(name, `the limit is ${leastCpu}m, the least that the kernel knows`);
  }
  if (controller === 'io' && carrier.version === 1) {
    return changed(name, 'writes that the kernel buffers are not limited on cgroup v1');
  }
  return enforced(name);
}
