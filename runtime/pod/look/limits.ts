/** How often an app ran into its limits: written down when it has ended, counted by the kernel as long as it runs. */

import { podFiles } from '../../base/paths.ts';
import type { PodEntry } from '../pods.ts';
import { readKeys, readText } from './files.ts';
import { podGroups } from './groups.ts';

export interface LimitsHit {
  /** Processes that the kernel killed because the app's memory was used up. */
  readonly oomKills: number;
  /** Processes and threads that it would not start. */
  readonly refusedForks: number;
}

export function limitsHit(pod: PodEntry, app: string): LimitsHit {
  const recorded = recordedLimits(pod, app);
  if (recorded !== undefined || pod.state !== 'running') return recorded ?? { oomKills: 0, refusedForks: 0 };
  const hit = { oomKills: 0, refusedForks: 0 };
  for (const { hierarchy, dir } of podGroups(pod.dir)) {
    const memory = hierarchy.version === 2 ? 'memory.events' : 'memory.oom_control';
    hit.oomKills += readKeys(`${dir}/${app}/${memory}`).get('oom_kill') ?? 0;
    hit.refusedForks += readKeys(`${dir}/${app}/pids.events`).get('max') ?? 0;
  }
  return hit;
}

/** `NAME=COUNT` per line; undefined where the app never ran into any, or has not ended. */
function recordedLimits(pod: PodEntry, app: string): LimitsHit | undefined {
  const text = readText(podFiles.appLimits(pod.dir, app));
  if (text === undefined) return undefined;
  const count = (name: string): number => Number(new RegExp(`^${name}=(\\d+)$`, 'm').exec(text)?.[1] ?? 0);
  return { oomKills: count('oom-kills'), refusedForks: count('refused-forks') };
}
