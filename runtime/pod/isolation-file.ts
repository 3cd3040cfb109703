/** What became of a pod's isolators, written down when it starts, for `rkt status --verbose`. */

import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';
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

/** What became of the isolators of a pod that was started, for each of `apps`. Throws where the record is damaged. */
export function readOutcomes(podDir: string, apps: readonly string[]): RecordedOutcomes {
  const file = podFiles.isolators(podDir);
  try {
    return checkOutcomes(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return { pod: [], apps: Object.fromEntries(apps.map((name) => [name, defaultOutcomes])) };
    }
    throw new RktError(`${file} is damaged: ${messageOf(error)}`, { code: 'EPOD', cause: error });
  }
}

/** A file that was cut short is no JSON; this is for one that is something else. */
function checkOutcomes(value: unknown): RecordedOutcomes {
  const { pod, apps } = (value ?? {}) as Partial<RecordedOutcomes>;
  if (!Array.isArray(pod) || typeof apps !== 'object' || !Object.values(apps).every(Array.isArray)) {
    throw new RktError('it is no record of isolators');
  }
  return value as RecordedOutcomes;
}
