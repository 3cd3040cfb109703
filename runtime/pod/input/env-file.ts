/**
 * Files of environment variables (rkt's documentation of run, "Influencing Environment Variables"): a line is `NAME=VALUE`,
 * empty, or begins with `#` or `;`. There are no quotes, no escapes and no continued lines: a value is what stands behind the
 * first `=`, up to the end of the line.
 */

import { checkEnvironmentName, type EnvironmentVariable } from '../../appc/app.ts';
import { RktError } from '../../base/errors.ts';
import { readInput } from './read-input.ts';

/** The variables of `--set-env-file=file`, in its order. Errors: EUSAGE, naming the line. */
export function readEnvironmentFile(file: string): EnvironmentVariable[] {
  return parseEnvironmentFile(file, readInput('--set-env-file', file).toString('utf8'));
}

export function parseEnvironmentFile(file: string, text: string): EnvironmentVariable[] {
  const seen = new Map<string, number>();
  return text.split('\n').flatMap((line, index) => {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) return [];
    const number = index + 1;
    const equals = line.indexOf('=');
    const name = line.slice(0, Math.max(equals, 0));
    const before = seen.get(name);
    const reason =
      equals < 0
        ? 'has no "=value"'
        : before === undefined
          ? badName(name)
          : `sets ${name} again, after line ${before}`;
    if (reason !== undefined || line.includes('\0')) {
      throw new RktError(`--set-env-file ${file}: line ${number} ${reason ?? 'contains NUL'}`, {
        code: 'EUSAGE',
        hint: 'write NAME=VALUE, one a line',
      });
    }
    seen.set(name, number);
    return [{ name, value: line.slice(equals + 1) }];
  });
}

function badName(name: string): string | undefined {
  const reason = checkEnvironmentName(name);
  return reason === undefined ? undefined : `has a name that ${reason}`;
}
