/** What became of a pod's isolators, written down when it starts, for `rkt status --verbose`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf } from '../base/errors.ts';
import { podFiles } from '../base/paths.ts';
import { defaultOutcomes, type PodIsolation } from '../stage1/isolation/isolate.ts';
import type { IsolatorOutcome } from '../stage1/isolation/outcome.ts';

export type { IsolatorOutcome };

/** Outcomes of the pod's own isolators, and of each app's by its name. */
export interface RecordedOutcomes {
  readonly pod: readonly IsolatorOutcome[];
  readonly apps: Readonly<Record<string, readonly IsolatorOutcome[]>>;
}

const isDefault = (outcomes: readonly IsolatorOutcome[]): boolean =>
  outcomes.length === defaultOutcomes.length && outcomes.every((outcome, index) => outcome === defaultOutcomes[index]);

/** Writes nothing for a pod of which nothing is to be said but the defaults: most pods are. */
export function writeOutcomes(podDir: string, { outcomes, apps }: PodIsolation): void {
  if (outcomes.length === 0 && [...apps.values()].every((app) => isDefault(app.outcomes))) return;
  const recorded: RecordedOutcomes = {
    pod: outcomes,
    apps: Object.fromEntries([...apps].map(([name, app]) => [name, app.outcomes])),
  };
  writeFileSync(podFiles.isolators(podDir), JSON.stringify(recorded));
}

/** What became of the isolators of a pod that was started, for each of `apps`. */
export function readOutcomes(podDir: string, apps: readonly string[]): RecordedOutcomes {
  try {
    return JSON.parse(readFileSync(podFiles.isolators(podDir), 'utf8')) as RecordedOutcomes;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    return { pod: [], apps: Object.fromEntries(apps.map((name) => [name, defaultOutcomes])) };
  }
}
