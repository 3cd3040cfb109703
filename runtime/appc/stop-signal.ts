/** The signal that asks an app to end, which no field of a manifest names. */

/** Of an image or of an app in a pod manifest: a signal as {@link parseSignal} reads it. */
export const stopSignalAnnotation = 'coreos.com/rkt/app/stop-signal';

/** Signals that have a number but no name in node; the kernel's first real-time signal that programs may use is 34. */
const firstRealTime = 34;
const lastRealTime = 64;

/** `SIGQUIT`, `QUIT`, `3`, `SIGRTMIN+3`; undefined for anything else. Docker's images say it in one of these ways. */
export function parseSignal(text: string): number | undefined {
  const inRange = (number: number): number | undefined => (number >= 1 && number <= lastRealTime ? number : undefined);
  if (/^\d{1,2}$/.test(text)) return inRange(Number(text));
  const name = text.toUpperCase().replace(/^SIG/, '');
  const realTime = /^(RTMIN|RTMAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime === null) {
    // Loaded here because few apps name one.
    const known: Readonly<Record<string, number>> = process.getBuiltinModule('node:os').constants.signals;
    return Object.hasOwn(known, `SIG${name}`) ? known[`SIG${name}`] : undefined;
  }
  const [, base, sign, distance = '0'] = realTime;
  const number = (base === 'RTMIN' ? firstRealTime : lastRealTime) + Number(distance) * (sign === '-' ? -1 : 1);
  return number >= firstRealTime ? inRange(number) : undefined;
}
