import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { isRktError, messageOf, RktError } from '../../base/errors.ts';

/** No file that a user writes about a pod is larger, in bytes. */
const maxBytes = 1024 * 1024;

/** The content of a file that `option` names. Errors: EUSAGE. */
export function readInput(option: string, file: string): Buffer {
  let fd = -1;
  try {
    fd = openSync(file, 'r');
    const { size } = fstatSync(fd);
    if (size > maxBytes) {
      throw new RktError(`${option} ${file}: has ${size} bytes, more than the ${maxBytes} allowed`, { code: 'EUSAGE' });
    }
    return readFileSync(fd);
  } catch (cause) {
    if (isRktError(cause)) throw cause;
    throw new RktError(`${option}: ${messageOf(cause)}`, { code: 'EUSAGE', cause });
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}
