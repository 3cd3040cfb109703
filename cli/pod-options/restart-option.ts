import { parseRestart } from '../../runtime/stage1/app-life.ts';
import { getValue, type Option, type OptionValues, usageError } from '../options.ts';

/** `--restart`, of all apps or of one. */
export const restartOption: Option = {
  name: 'restart',
  type: 'value',
  placeholder: 'POLICY',
  description:
    'when an app that has ended is started again: no (default), on-failure, on-failure:N (N times at most) or always; ' +
    'for every app, or after an image for that app',
};

/** The policy as it was written. Errors: EUSAGE. */
export function restartOf(values: OptionValues): string | undefined {
  const text = getValue(values, 'restart');
  if (text === undefined || parseRestart(text) !== undefined) return text;
  throw usageError(
    `invalid value "${text}" for --restart`,
    'it takes no, on-failure, on-failure:N with N from 1, or always',
  );
}
