import { native } from '../../native/index.ts';
import { messageOf, RktError } from '../base/errors.ts';

/**
 * Replaces this process by an executable of stage1, in the pod's directory. It is opened through a read-only mount of its own, so that
 * no app can write to it by way of /proc (CVE-2019-5736). `args` begin with the name it is called by. Descriptors that are not
 * close-on-exec go along. Errors: ESTAGE1.
 */
export function becomeStage1(dir: string, file: string, args: readonly string[], env: Record<string, string>): never {
  try {
    const executable = native.openTreeReadonly(file);
    process.chdir(dir);
    const environment = Object.entries(env).map(([name, value]) => `${name}=${value}`);
    return native.execute(`/proc/self/fd/${executable}`, args, environment);
  } catch (cause) {
    throw new RktError(`starting stage1, ${file}: ${messageOf(cause)}`, {
      code: 'ESTAGE1',
      hint: 'is rkt installed completely? The file must be executable',
      cause,
    });
  }
}

/** What a stage1 image is given: the environment of rkt, without the variables by which rkt itself is configured and started. */
export const environmentOfCaller = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => !entry[0].startsWith('RKT_')),
  );
