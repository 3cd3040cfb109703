/** What the commands that look at running pods share. */

import { type PodEntry, podSummary } from '../runtime/pod/pods.ts';
import { getSwitch, getValue, type Option, type OptionValues, usageError } from './options.ts';

export const formatOption: Option = {
  name: 'format',
  type: 'value',
  placeholder: 'table|json',
  default: 'table',
  description: 'a table for people, or JSON for programs',
};

/** Whether a stream is to be JSON, one value a line. Errors: EUSAGE. */
export function wantsJson(values: OptionValues): boolean {
  const format = getValue(values, 'format');
  if (format === undefined || format === 'table' || format === 'json') return format === 'json';
  throw usageError(`invalid value "${format}" for --format: must be table or json`);
}

export const onceOptions: readonly Option[] = [
  { name: 'no-stream', type: 'switch', description: 'show it once and end' },
  { name: 'once', type: 'switch', description: 'the same' },
];

export const isOnce = (values: OptionValues): boolean => getSwitch(values, 'no-stream') || getSwitch(values, 'once');

export const intervalOption = (fallback: string): Option => ({
  name: 'interval',
  type: 'duration',
  placeholder: 'DURATION',
  default: fallback,
  description: `time between two pictures (default ${fallback})`,
});

/** Milliseconds; nobody reads faster than ten pictures a second. Errors: EUSAGE. */
export function intervalOf(milliseconds: number): number {
  if (milliseconds < 100) throw usageError('--interval must be 100ms or more');
  return milliseconds;
}

/** How long use is watched where a rate is to be shown once. */
export const firstLook = 250;

/** Names of the pod's apps. Errors: EUSAGE where it has none named `only`. */
export function appsOf(pod: PodEntry, only?: string): string[] {
  const names = podSummary(pod).apps.map(({ name }) => name);
  if (only !== undefined && !names.includes(only)) {
    throw usageError(`pod ${pod.uuid} has no app "${only}"`, `it has ${names.join(', ')}`);
  }
  return names;
}
