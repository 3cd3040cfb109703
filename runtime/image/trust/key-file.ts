/** One file of the key store. */

import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import type { Key } from 'openpgp';
import { errnoOf, messageOf } from '../../base/errors.ts';
import { maxKeyFileBytes, parseKeys } from './keys.ts';
import { distrust } from './ownership.ts';
import { fileReason, readDescriptor } from './read-file.ts';

/** What a file says about the key that it is named by. */
export type KeyFile =
  | { readonly state: 'key'; readonly key: Key }
  /** Empty, or a link to /dev/null: the key is disabled. */
  | { readonly state: 'mask' }
  /** It cannot be believed; `reason` ends a sentence about the file. */
  | { readonly state: 'refused'; readonly reason: string };

/** A file of the key store, and where it is. */
export type KeyEntry = KeyFile & {
  readonly origin: 'system' | 'local';
  /** Undefined: for every image. */
  readonly prefix: string | undefined;
  readonly fingerprint: string;
  readonly path: string;
};

/** makedev(1, 3): linux, Documentation/admin-guide/devices.txt. */
const devNull = 0x103;

/**
 * Reads the file of key `fingerprint`. A link is followed; what counts is the file at its end. Of a file with several keys the
 * one that it is named by counts, as in rkt 1.x.
 */
export async function readKeyFile(path: string, fingerprint: string): Promise<KeyFile> {
  try {
    const bytes = readBelievable(path);
    if (bytes.length === 0) return { state: 'mask' };
    const keys = await parseKeys(bytes, path);
    const key = keys.find((candidate) => candidate.getFingerprint() === fingerprint);
    return key === undefined
      ? refuse(`it holds key ${keys[0]?.getFingerprint()}, not the one of its name`)
      : { state: 'key', key };
  } catch (error) {
    return refuse(errnoOf(error) === 'EKEY' ? messageOf(error).slice(`${path}: `.length) : fileReason(error));
  }
}

const refuse = (reason: string): KeyFile => ({ state: 'refused', reason });

function readBelievable(path: string): Uint8Array {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (stats.isCharacterDevice() && stats.rdev === devNull) return new Uint8Array(0);
    const reason = distrust(stats);
    if (reason !== undefined && stats.size > 0) throw new Error(reason);
    return readDescriptor(fd, maxKeyFileBytes);
  } finally {
    closeSync(fd);
  }
}
