/** Durations in the notation of Go's time package, which rkt's options use: `30m0s`, `1h`, `250ms`, `0`. */

import { RktError } from '../runtime/base/errors.ts';

const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000001,
};

/** Milliseconds. `what` names the option in the error (EUSAGE). */
export function parseDuration(text: string, what: string): number {
  const match = /^([+-]?)((?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+|0)$/.exec(text);
  if (match === null) {
    throw new RktError(`invalid value "${text}" for ${what}: not a duration`, {
      code: 'EUSAGE',
      hint: 'write it as numbers with units, for example 30m0s, 24h or 500ms',
    });
  }
  let total = 0;
  for (const [, amount, unit] of (match[2] as string).matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * (units[unit as string] as number);
  }
  return match[1] === '-' ? -total : total;
}
