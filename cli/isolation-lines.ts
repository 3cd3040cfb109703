/** What `rkt status` says about the isolators of a pod and the limits that its apps ran into. */

import { messageOf } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { readOutcomes } from '../runtime/pod/isolation-file.ts';
import { limitsHit } from '../runtime/pod/look/limits.ts';
import type { PodEntry } from '../runtime/pod/pods.ts';
import { printable } from './printable.ts';

/** `isolator-APP=NAME OUTCOME (DETAIL)` per isolator; of the pod's own without the app. For pods that have been started. */
export function isolatorLines(pod: PodEntry, apps: readonly string[], log: Log): string[] {
  const recorded = tolerant(() => readOutcomes(pod.dir, apps), log);
  if (recorded === undefined) return [];
  const groups = [
    ['isolator', recorded.pod] as const,
    ...apps.map((app) => [`isolator-${app}`, recorded.apps[app] ?? []] as const),
  ];
  return groups.flatMap(([key, outcomes]) =>
    outcomes.map(({ isolator, outcome, detail, byDefault }) =>
      printable(
        `${key}=${isolator} ${outcome}${detail === undefined ? '' : ` (${byDefault ? 'default: ' : ''}${detail})`}`,
      ),
    ),
  );
}

/** What cannot be read is said and left out. */
function tolerant<T>(read: () => T, log: Log): T | undefined {
  try {
    return read();
  } catch (error) {
    log.warn(messageOf(error));
    return undefined;
  }
}

/** `oom-kills-APP=N` and `refused-forks-APP=N`, where there were any. */
export function limitLines(pod: PodEntry, apps: readonly string[]): string[] {
  return apps.flatMap((app) => {
    const { oomKills, refusedForks } = limitsHit(pod, app);
    return [
      ...(oomKills > 0 ? [`oom-kills-${app}=${oomKills}`] : []),
      ...(refusedForks > 0 ? [`refused-forks-${app}=${refusedForks}`] : []),
    ];
  });
}
