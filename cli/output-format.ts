/** `--format=json`, as rkt has it: the shape is that of rkt's API. */

import { getValue, type Option, type OptionValues, usageError } from './options.ts';

export const formatOption: Option = {
  name: 'format',
  type: 'value',
  placeholder: 'json|json-pretty',
  description: 'print JSON for programs: on one line, or indented',
};

export type JsonFormat = 'json' | 'json-pretty';

/** Undefined: for people. Errors: EUSAGE. */
export function outputFormat(values: OptionValues): JsonFormat | undefined {
  const text = getValue(values, 'format');
  if (text === undefined || text === '' || text === 'table') return undefined;
  if (text === 'json' || text === 'json-pretty') return text;
  throw usageError(`invalid value "${text}" for --format: must be json, json-pretty or table`);
}

export const jsonText = (value: unknown, format: JsonFormat): string =>
  `${JSON.stringify(value, null, format === 'json' ? 0 : 2)}\n`;
