/**
 * What is done about the isolators of an app that bound it beyond its capabilities. Whatever is not enforced is either
 * refused, where the app would be less confined than its manifest promises, or said (ace.md, Isolators: information about
 * which isolators were ignored must be available to the user).
 */

import { existsSync } from 'node:fs';
import type { App } from '../appc/app.ts';
import { interpretIsolator, type KnownIsolator } from '../appc/isolators.ts';
import { RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

export interface IsolatorSettings {
  /** `--insecure-options=seccomp`: filters are not wanted. */
  readonly noSeccomp: boolean;
}

/** What becomes of an isolator: carried out elsewhere, not carried out, or a reason not to run the app. */
type Fate = 'enforced' | 'ignored' | 'refused';

function fateOf(isolator: KnownIsolator | undefined, settings: IsolatorSettings): Fate {
  switch (isolator?.kind) {
    case 'capabilities':
    case 'no-new-privileges':
    case 'oom-score-adj':
      return 'enforced';
    case 'seccomp':
      return settings.noSeccomp || allowsAll(isolator) ? 'ignored' : 'refused';
    case 'apparmor':
      return 'refused';
    case 'selinux':
      // "Implementations MAY ignore this isolator if the host does not support SELinux labeling."
      return existsSync('/sys/fs/selinux/enforce') ? 'refused' : 'ignored';
    default:
      return 'ignored';
  }
}

/** A filter that is written so that it filters nothing (ace.md, special values of the seccomp sets). */
const allowsAll = (isolator: KnownIsolator & { kind: 'seccomp' }): boolean =>
  isolator.set.includes(isolator.mode === 'retain' ? '@appc.io/all' : '@appc.io/empty');

/**
 * Goes through the isolators of an app before it is prepared. Warns of those that have no effect. Errors: EISOLATOR where the
 * app would run with less protection than it asks for.
 */
export function checkIsolators(name: string, app: App, settings: IsolatorSettings, log: Log): void {
  for (const isolator of app.isolators) {
    const fate = fateOf(interpretIsolator(isolator), settings);
    if (fate === 'ignored') log.warn(`app "${name}": isolator ${isolator.name} has no effect`);
    if (fate !== 'refused') continue;
    const hint = isolator.name.includes('seccomp') ? { hint: 'run it without with --insecure-options=seccomp' } : {};
    throw new RktError(`app "${name}": isolator ${isolator.name} cannot be enforced by this version of rkt`, {
      code: 'EISOLATOR',
      ...hint,
    });
  }
}

/** The adjustment that the app asks for (proc_pid_oom_score_adj(5)); undefined where it asks for none. */
export function oomScoreAdjustment(app: App): number | undefined {
  for (const isolator of app.isolators) {
    const known = interpretIsolator(isolator);
    if (known?.kind === 'oom-score-adj') return known.score;
  }
  return undefined;
}
