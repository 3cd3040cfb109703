/** `--prefix` and `--log-opt`: what becomes of the output of apps. */

import type { PlanSettings } from '../../runtime/stage1/launch.ts';
import { getList, getValue, type Option, type OptionValues, usageError } from '../options.ts';

export const logOptions: readonly Option[] = [
  {
    name: 'prefix',
    type: 'value',
    placeholder: 'WHEN',
    default: 'auto',
    description: 'begin lines of output with "app[pid]: ": auto (with several apps), always or never',
  },
  {
    name: 'log-opt',
    type: 'list',
    placeholder: 'NAME=VALUE',
    description:
      "of every app's log: max-size=SIZE (default 10m; 0: no limit), after which another file is begun, and max-file=N (default 4), " +
      'how many there are at most',
  },
];

const units: Readonly<Record<string, number>> = { '': 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** Smaller files would hold a few lines only, and cost more than they save. */
const smallestSize = 4096;
/** Of the launch plan, which does not count the file that is written to. */
const mostFiles = 1001;

/** Bytes; k, m and g are powers of 1024, as docker and podman count them. Errors: EUSAGE. */
function parseSize(text: string): number {
  const match = /^(\d{1,12})([kmg]?)b?$/i.exec(text);
  const size = match === null ? Number.NaN : Number(match[1]) * (units[(match[2] as string).toLowerCase()] as number);
  if (size === 0 || (size >= smallestSize && Number.isSafeInteger(size))) return size;
  throw usageError(
    `invalid value "${text}" for --log-opt max-size`,
    'write a number of bytes of at least 4k, with k, m or g behind it, or 0 for no limit',
  );
}

/** How many files are kept beside the current one. Errors: EUSAGE. */
function parseFiles(text: string): number {
  const files = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (files >= 1 && files <= mostFiles) return files - 1;
  throw usageError(`invalid value "${text}" for --log-opt max-file`, `it takes a number from 1 to ${mostFiles}`);
}

function logLimits(texts: readonly string[]): Pick<PlanSettings, 'logSize' | 'logFiles'> {
  const limits: { logSize?: number; logFiles?: number } = {};
  for (const text of texts) {
    const [name, value = ''] = text.split(/=(.*)/s);
    if (name === 'max-size') limits.logSize = parseSize(value);
    else if (name === 'max-file') limits.logFiles = parseFiles(value);
    else throw usageError(`unknown option "${name}" for --log-opt`, 'it takes max-size=SIZE and max-file=N');
  }
  return limits;
}

/** Errors: EUSAGE. */
export function outputSettingsOf(values: OptionValues): Pick<PlanSettings, 'prefix' | 'logSize' | 'logFiles'> {
  // `prepare` asks as well, which does not have the option.
  const prefix = getValue(values, 'prefix') ?? 'auto';
  if (prefix !== 'auto' && prefix !== 'always' && prefix !== 'never') {
    throw usageError(`invalid value "${prefix}" for --prefix`, 'it takes auto, always or never');
  }
  return { prefix, ...logLimits(getList(values, 'log-opt')) };
}
