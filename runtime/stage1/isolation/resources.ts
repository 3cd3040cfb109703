/** What an app or a pod may use of the host, from its isolators (ace.md, Resource Isolators). */

import { type Isolator, interpretIsolator } from '../../appc/isolators.ts';
import type { MilliUnits } from '../../appc/quantity.ts';

/** Amounts are thousandths of cores, bytes, bytes per second and operations per second. Undefined: no bound. */
export interface Resources {
  readonly cpuLimit?: MilliUnits;
  readonly cpuRequest?: MilliUnits;
  /** Share among neighbours, as cgroup v1 counts it: 1024 is what everybody has. */
  readonly cpuShares?: number;
  readonly memoryLimit?: MilliUnits;
  readonly memoryRequest?: MilliUnits;
  /** Processes and threads. */
  readonly pids?: number;
  readonly blockBandwidth?: MilliUnits;
  readonly blockIops?: MilliUnits;
}

/** An app may have so many processes and threads unless it says otherwise: enough for big programs, too few for a fork bomb. */
export const defaultPidsLimit = 4096;

type Writable = { -readonly [K in keyof Resources]?: Resources[K] | undefined };

/** Reads the last of each kind. */
export function resourcesOf(isolators: readonly Isolator[], fallback: Resources): Resources {
  const found: Writable = { ...fallback };
  for (const isolator of isolators) {
    const known = interpretIsolator(isolator);
    if (known?.kind === 'cpu-shares') found.cpuShares = known.shares;
    if (known?.kind === 'pids-limit') found.pids = known.limit;
    if (known?.kind !== 'resource') continue;
    const { resource, limit, request } = known;
    // "If request is omitted, it defaults to the value of limit." That goes for shares of CPU time; memory up to the limit kept
    // from everybody else, used or not, is not what people mean by a limit (docs/decisions/036).
    if (resource === 'cpu') Object.assign(found, { cpuLimit: limit, cpuRequest: request ?? limit });
    if (resource === 'memory') Object.assign(found, { memoryLimit: limit, memoryRequest: request });
    if (resource === 'block-bandwidth') found.blockBandwidth = limit;
    if (resource === 'block-iops') found.blockIops = limit;
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as Resources;
}

/** The amounts of which an app can have no more than its pod. */
const bounded = [
  'cpuLimit',
  'cpuRequest',
  'memoryLimit',
  'memoryRequest',
  'pids',
  'blockBandwidth',
  'blockIops',
] as const;
export type BoundedResource = (typeof bounded)[number];

/** The resources of an app within those of its pod, and which of its own the pod has cut. */
export function boundedBy(app: Resources, pod: Resources): { resources: Resources; cut: ReadonlySet<BoundedResource> } {
  const cut = new Set<BoundedResource>();
  const resources: Record<string, unknown> = { ...app };
  const ceilings: Resources = { ...pod, ...ceilingsOfLimits(pod) };
  for (const key of bounded) {
    const [own, most] = [app[key], ceilings[key]];
    if (own === undefined || most === undefined || own <= most) continue;
    resources[key] = most;
    cut.add(key);
  }
  return { resources: resources as Resources, cut };
}

/** What an app requests can be no more than the pod may have, whatever the pod requests for itself. */
const ceilingsOfLimits = ({ cpuLimit, memoryLimit }: Resources): Record<string, MilliUnits | undefined> => ({
  cpuRequest: cpuLimit,
  memoryRequest: memoryLimit,
});
