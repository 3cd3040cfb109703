/** types.md, Timestamps Type: RFC 3339 section 5.6, with "T" between date and time. */

const pattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:Z|[+-](\d{2}):(\d{2}))$/;

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** The reason why `text` is no timestamp, or undefined. A leap second (60) is allowed. */
export function checkDate(text: string): string | undefined {
  const reason = 'must be an RFC 3339 timestamp such as "2014-10-27T19:32:27Z"';
  const match = pattern.exec(text);
  if (match === null) return reason;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, offsetHour = 0, offsetMinute = 0] = match
    .slice(1)
    .map((part) => Number(part ?? 0));
  const dateOk = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
  const timeOk = hour <= 23 && minute <= 59 && second <= 60 && offsetHour <= 23 && offsetMinute <= 59;
  return dateOk && timeOk ? undefined : reason;
}
