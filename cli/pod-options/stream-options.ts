/** `--stdin`, `--stdout` and `--stderr` of an app. */

import { isStreamMode, type StreamName, streamModes, streamNames } from '../../runtime/stage1/app-streams.ts';
import { getValue, type Option, type OptionValues, usageError } from '../options.ts';

export const streamOptions: readonly Option[] = [
  {
    name: 'stdin',
    type: 'value',
    placeholder: 'MODE',
    description:
      "what the app reads: inherit (rkt's own, the default of an only app), null (the default of several), stream or tty " +
      '(what "rkt attach" sends)',
  },
  {
    name: 'stdout',
    type: 'value',
    placeholder: 'MODE',
    description:
      'where the app\'s output goes: log (to rkt\'s own and the log, the default), stream (to "rkt attach" and the log), tty or null',
  },
  { name: 'stderr', type: 'value', placeholder: 'MODE', description: 'the same for error messages' },
];

/** The modes that were given. Errors: EUSAGE. */
export function streamsOf(values: OptionValues): Partial<Record<StreamName, string>> {
  const given = streamNames.flatMap((name): [StreamName, string][] => {
    const text = getValue(values, name);
    if (text === undefined) return [];
    if (isStreamMode(name, text)) return [[name, text]];
    throw usageError(`invalid value "${text}" for --${name}`, `it takes one of ${streamModes(name)}`);
  });
  return Object.fromEntries(given);
}
