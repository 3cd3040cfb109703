/** Moments as users write them, for comparing with the times in logs. */

import { RktError } from '../../base/errors.ts';

/** RFC 3339 with what may be left out: the time, its seconds, the zone, which is ours then. */
const pattern = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2}:\d{2})(:\d{2})?(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})?)?$/;

const withDigits = (milliseconds: number, digits: string): string =>
  `${new Date(milliseconds).toISOString().slice(0, 19)}.${digits.padEnd(9, '0')}Z`;

function ofDate(text: string): string | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, day, time = '00:00', seconds = ':00', digits = '', zone = ''] = match;
  const parsed = Date.parse(`${day}T${time}${seconds}${zone}`);
  return Number.isNaN(parsed) ? undefined : withDigits(parsed, digits);
}

/** Seconds since the epoch. */
function ofSeconds(text: string): string | undefined {
  const match = /^(\d{1,11})(?:\.(\d{1,9}))?$/.exec(text);
  return match === null ? undefined : withDigits(Number(match[1]) * 1000, match[2] ?? '');
}

/**
 * `2016-10-06T00:17:09Z`, `2016-10-06`, seconds since the epoch, or a duration before `now` as `parseDuration` reads it
 * (milliseconds). The result is written as the times in a log are. Errors: EUSAGE for none of these, `what` names the option.
 */
export function parseMoment(
  text: string,
  what: string,
  now: number,
  parseDuration: (text: string, what: string) => number,
): string {
  const absolute = ofDate(text) ?? ofSeconds(text);
  if (absolute !== undefined) return absolute;
  try {
    const moment = new Date(now - parseDuration(text, what)).toISOString();
    return `${moment.slice(0, 23)}000000Z`;
  } catch (cause) {
    throw new RktError(`invalid value "${text}" for ${what}: neither a time nor a duration`, {
      code: 'EUSAGE',
      hint: 'write a time such as 2016-10-06T00:17:09Z, seconds since 1970, or how long ago, such as 10m or 1h30m',
      cause,
    });
  }
}
