/** From what a user calls a pod to the pod: its name, its uuid or the beginning of its uuid, in this order. */

import { isUuid } from '../appc/uuid.ts';
import { RktError } from '../base/errors.ts';
import { podPhases } from '../base/paths.ts';
import { uuidOfName } from './names.ts';
import { checkPodName } from './pod-name.ts';
import { type PodEntry, podIn, uuidsIn } from './pods.ts';

/** Errors: ENOPOD where there is none, EAMBIGUOUS where there are several. */
export function findPod(dataDir: string, text: string): PodEntry {
  const named = checkPodName(text) === undefined ? uuidOfName(dataDir, text) : undefined;
  const pod = named === undefined ? undefined : podByUuid(dataDir, named);
  if (pod !== undefined) return pod;
  if (!/^[0-9a-fA-F-]{1,36}$/.test(text)) throw noPod(text);
  const wanted = text.toLowerCase();
  return isUuid(wanted) ? (podByUuid(dataDir, wanted) ?? noPod(text)) : findByPrefix(dataDir, wanted, text);
}

/** The pod with this uuid, wherever it lies. No directory is read for it. */
export function podByUuid(dataDir: string, uuid: string): PodEntry | undefined {
  // Pods move in the order of the phases, and so are not missed; but one whose start failed goes back, and may be missed once.
  return lookThrough(dataDir, uuid) ?? lookThrough(dataDir, uuid);
}

function lookThrough(dataDir: string, uuid: string): PodEntry | undefined {
  for (const phase of podPhases) {
    const pod = podIn(dataDir, phase, uuid);
    if (pod !== undefined) return pod;
  }
  return undefined;
}

function findByPrefix(dataDir: string, wanted: string, text: string): PodEntry {
  const matches = new Map<string, PodEntry>();
  for (const phase of podPhases) {
    for (const uuid of uuidsIn(dataDir, phase)) {
      const pod = uuid.startsWith(wanted) ? podIn(dataDir, phase, uuid) : undefined;
      if (pod !== undefined) matches.set(uuid, pod);
    }
  }
  const [first, ...others] = matches.values();
  if (first === undefined) return noPod(text);
  if (others.length === 0) return first;
  throw new RktError(`"${text}" is the beginning of ${matches.size} pods: ${[...matches.keys()].join(', ')}`, {
    code: 'EAMBIGUOUS',
    hint: 'write more of the UUID',
  });
}

function noPod(text: string): never {
  throw new RktError(`no pod matches "${text}"`, { code: 'ENOPOD', hint: 'see "rkt list"' });
}
