/**
 * Names of pods, which stand wherever a uuid may. A name means its pod before it means the beginning of a uuid, so it must not be
 * what people copy from `rkt list`, which shows eight digits: those always mean the uuid.
 */

import { RktError } from '../base/errors.ts';

const pattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** The first eight digits of a uuid, and possibly more of it. */
const uuidLike = /^[0-9a-f]{8}(-|$)/i;

/** Why `text` cannot be the name of a pod; undefined where it can. */
export function checkPodName(text: string): string | undefined {
  if (!pattern.test(text)) {
    return 'must have 1 to 63 letters, digits, dots, dashes and underscores, and begin with a letter or digit';
  }
  return uuidLike.test(text) ? 'could be taken for the beginning of a UUID' : undefined;
}

/** The name as given. Errors: EUSAGE. */
export function parsePodName(text: string): string {
  const reason = checkPodName(text);
  if (reason === undefined) return text;
  throw new RktError(`--pod-name ${JSON.stringify(text)}: the name ${reason}`, { code: 'EUSAGE' });
}
