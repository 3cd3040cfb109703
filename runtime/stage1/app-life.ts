/**
 * How an app's life goes on when it ends, how it is asked to end, and whether it says when it is ready: what no field of a
 * manifest says, and annotations do.
 */

import { constants } from 'node:os';
import { type Annotation, annotationValue } from '../appc/annotations.ts';
import { RktError } from '../base/errors.ts';
import { type PlanApp, type PlanRestart, planRestarts } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';

export const lifeAnnotations = {
  /** Of an app in a pod manifest: `no`, `on-failure[:N]` or `always`. */
  restart: 'coreos.com/rkt/app/restart',
  /** Of an image or an app: a signal, by name or number. */
  stopSignal: 'coreos.com/rkt/app/stop-signal',
  /** Of an image or an app: as rkt names it (its "Using rkt with systemd", Notifications). */
  notify: 'appc.io/executor/supports-systemd-notify',
} as const;

/** Where stage1 listens for sd_notify(3), in the app's root filesystem (docs/launch-plan.md, NOTIFY). */
export const notifySocket = '/dev/rkt-notify';

const maxLimit = 0xffff_ffff;

/** `no`, `on-failure[:N]` or `always`; undefined for anything else. */
export function parseRestart(text: string): PlanRestart | undefined {
  const match = /^(on-failure):([1-9]\d{0,9})$/.exec(text);
  if (match !== null) {
    const limit = Number(match[2]);
    return limit > maxLimit ? undefined : { policy: 'on-failure', limit };
  }
  return Object.hasOwn(planRestarts, text) ? { policy: text as PlanRestart['policy'] } : undefined;
}

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
    const known: Readonly<Record<string, number>> = constants.signals;
    return Object.hasOwn(known, `SIG${name}`) ? known[`SIG${name}`] : undefined;
  }
  const [, base, sign, distance = '0'] = realTime;
  const number = (base === 'RTMIN' ? firstRealTime : lastRealTime) + Number(distance) * (sign === '-' ? -1 : 1);
  return number >= firstRealTime ? inRange(number) : undefined;
}

/** As Go's strconv.ParseBool reads it, which is what rkt does. */
const truths = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);

/** The app's part of a launch plan. Errors: EANNOTATION naming the app and the annotation. */
export function planLife({ name, manifest, image }: PreparedApp): Pick<PlanApp, 'restart' | 'notify' | 'stopSignal'> {
  const own = manifest.annotations;
  const inherited = image.manifest.annotations;
  const restart = read(name, own, lifeAnnotations.restart, parseRestart);
  const stopSignal =
    read(name, own, lifeAnnotations.stopSignal, parseSignal) ??
    read(name, inherited, lifeAnnotations.stopSignal, parseSignal);
  return {
    ...(restart === undefined || restart.policy === 'no' ? {} : { restart }),
    ...(stopSignal === undefined ? {} : { stopSignal }),
    ...(supportsNotify(own, inherited) ? { notify: true } : {}),
  };
}

function supportsNotify(own: readonly Annotation[], inherited: readonly Annotation[]): boolean {
  return truths.has(
    annotationValue(own, lifeAnnotations.notify) ?? annotationValue(inherited, lifeAnnotations.notify) ?? '',
  );
}

function read<T>(
  app: string,
  annotations: readonly Annotation[],
  name: string,
  parse: (text: string) => T | undefined,
): T | undefined {
  const text = annotationValue(annotations, name);
  if (text === undefined) return undefined;
  const value = parse(text);
  if (value !== undefined) return value;
  const forms = name === lifeAnnotations.restart ? 'no, on-failure, on-failure:N or always' : 'SIGQUIT, QUIT or 3';
  throw new RktError(`app "${app}": annotation ${name} is ${JSON.stringify(text)}`, {
    code: 'EANNOTATION',
    hint: `it must be of the form ${forms}`,
  });
}
