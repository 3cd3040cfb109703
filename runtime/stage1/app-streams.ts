/** Where the standard streams of apps lead: what no field of a manifest says, and annotations do. */

import { annotationValue } from '../appc/annotations.ts';
import { RktError } from '../base/errors.ts';
import type { PlanApp, PlanStream } from './plan.ts';
import type { PreparedApp } from './prepared-app.ts';

export const streamNames = ['stdin', 'stdout', 'stderr'] as const;
export type StreamName = (typeof streamNames)[number];

/** Of an app in a pod manifest. */
export const streamAnnotations: Readonly<Record<StreamName, string>> = {
  stdin: 'coreos.com/rkt/app/stdin',
  stdout: 'coreos.com/rkt/app/stdout',
  stderr: 'coreos.com/rkt/app/stderr',
};

const inputs: Readonly<Record<string, PlanStream>> = {
  null: 'null',
  inherit: 'pod',
  stream: 'attachable',
  tty: 'terminal',
};

const outputs: Readonly<Record<string, PlanStream>> = {
  null: 'null',
  log: 'pod',
  stream: 'attachable',
  tty: 'terminal',
};

const modes = (stream: StreamName): Readonly<Record<string, PlanStream>> => (stream === 'stdin' ? inputs : outputs);

/** The words that a stream's mode may be, for messages and help. */
export const streamModes = (stream: StreamName): string => Object.keys(modes(stream)).join(', ');

export const isStreamMode = (stream: StreamName, text: string): boolean => Object.hasOwn(modes(stream), text);

/**
 * The app's part of a launch plan. `alone`: it is the only one, so that it can have rkt's own standard input; of several, which read
 * whatever they get first, none has. Errors: EANNOTATION naming the app and the annotation.
 */
export function planStreamsOf({ name, manifest }: PreparedApp, alone: boolean): Pick<PlanApp, StreamName> {
  const streams: { -readonly [stream in StreamName]?: PlanStream } = alone ? {} : { stdin: 'null' };
  for (const stream of streamNames) {
    const text = annotationValue(manifest.annotations, streamAnnotations[stream]);
    if (text === undefined) continue;
    if (!isStreamMode(stream, text)) throw unknownMode(name, stream, text);
    streams[stream] = modes(stream)[text] as PlanStream;
  }
  return streams;
}

function unknownMode(app: string, stream: StreamName, text: string): RktError {
  return new RktError(`app "${app}": annotation ${streamAnnotations[stream]} is ${JSON.stringify(text)}`, {
    code: 'EANNOTATION',
    hint: `it must be one of ${streamModes(stream)}`,
  });
}
