/** How commands are told which pod is meant, by an argument or by a file that `--uuid-file-save` wrote. */

import { readFileSync } from 'node:fs';
import { messageOf, RktError } from '../runtime/base/errors.ts';
import { getValue, type Option, type OptionValues, usageError } from './options.ts';

export const uuidFileOption: Option = {
  name: 'uuid-file',
  type: 'value',
  placeholder: 'FILE',
  description: 'take the UUID from a file, as --uuid-file-save writes it',
};

/** Errors: EUUIDFILE. */
function readUuidFile(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new RktError(`--uuid-file: ${messageOf(cause)}`, { code: 'EUUIDFILE', cause });
  }
  if (text === '' || text.includes('\n')) {
    throw new RktError(`--uuid-file: ${file} does not hold one UUID`, { code: 'EUUIDFILE' });
  }
  return text;
}

/** The pods that are named, maybe none. Errors: EUUIDFILE. */
export function namedPods(args: readonly string[], values: OptionValues): string[] {
  const file = getValue(values, 'uuid-file');
  return file === undefined ? [...args] : [readUuidFile(file), ...args];
}

/** The pods that are meant, at least one. Errors: EUSAGE, EUUIDFILE. */
export function podArguments(command: string, args: readonly string[], values: OptionValues): string[] {
  const pods = namedPods(args, values);
  if (pods.length > 0) return pods;
  throw usageError(`rkt ${command} takes at least one UUID`);
}

/** The one pod that is meant. Errors: EUSAGE, EUUIDFILE. */
export function podArgument(command: string, args: readonly string[], values: OptionValues): string {
  const file = getValue(values, 'uuid-file');
  if (file !== undefined && args.length > 0) throw usageError('--uuid-file and a UUID cannot stand together');
  const pod = file === undefined ? args[0] : readUuidFile(file);
  if (pod === undefined) throw usageError(`rkt ${command} takes one UUID`);
  return pod;
}
