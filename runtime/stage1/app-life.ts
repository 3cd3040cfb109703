/**
 * How an app's life goes on when it ends, how it is asked to end, and whether it says when it is ready: what no field of a
 * manifest says, and annotations do.
 */

import { type Annotation, annotationValue } from '../appc/annotations.ts';
import { parseSignal, stopSignalAnnotation } from '../appc/stop-signal.ts';
import { RktError } from '../base/errors.ts';
import { type PlanApp, type PlanRestart, planRestarts } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';

export const lifeAnnotations = {
  /** Of an app in a pod manifest: `no`, `on-failure[:N]` or `always`. */
  restart: 'coreos.com/rkt/app/restart',
  /** Of an image or an app: a signal, by name or number. */
  stopSignal: stopSignalAnnotation,
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
