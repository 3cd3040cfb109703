/** Directories of the key store: where they are, what is in them, and whether they may be believed. */

import { type Dirent, lstatSync, readdirSync, statSync } from 'node:fs';
import { errnoOf, messageOf } from '../../base/errors.ts';
import { keyError } from './errors.ts';
import { distrust } from './ownership.ts';
import { isFingerprint } from './text.ts';

/** `root.d` holds keys for every image, `prefix.d/<prefix>` those for one prefix; a prefix with slashes is a nested directory. */
export function keyDir(trustedKeys: string, prefix: string | undefined): string {
  return prefix === undefined ? `${trustedKeys}/root.d` : `${trustedKeys}/prefix.d/${prefix}`;
}

/**
 * Why nothing in the directory of `prefix` may be believed: someone else can write it or a directory above it, up to the one
 * that holds `trustedKeys`. Undefined where all is well or there is no such directory. The reason begins with a path.
 */
export function dirDistrust(trustedKeys: string, prefix: string | undefined): string | undefined {
  const fixed = [trustedKeys.slice(0, trustedKeys.lastIndexOf('/')), trustedKeys];
  const below = keyDir(trustedKeys, prefix)
    .slice(trustedKeys.length + 1)
    .split('/');
  const nested = below.map((_, index) => `${trustedKeys}/${below.slice(0, index + 1).join('/')}`);
  for (const dir of [...fixed, ...nested]) {
    // The administrator may have moved the store; inside it, a link would make a prefix that nobody listed.
    const stats = dir.startsWith(`${trustedKeys}/`)
      ? lstatSync(dir, { throwIfNoEntry: false })
      : statSync(dir, { throwIfNoEntry: false });
    if (stats === undefined) return undefined;
    if (!stats.isDirectory()) return `${dir}: it is no directory`;
    const reason = distrust(stats);
    if (reason !== undefined) return `${dir}: ${reason}`;
  }
  return undefined;
}

export interface DirContents {
  /** Names of key files. */
  readonly fingerprints: readonly string[];
  /** Names of directories, which are components of longer prefixes. */
  readonly dirs: readonly string[];
  /** Names of whatever else is there. */
  readonly strange: readonly string[];
}

/** Empty where there is no such directory. Errors: EKEY where it cannot be read: a key could be disabled in there. */
export function readKeyDir(dir: string): DirContents {
  let entries: Dirent[];
  try {
    entries = readdirSync(dir, { withFileTypes: true });
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT' || errnoOf(cause) === 'ENOTDIR') entries = [];
    else throw keyError(`reading trusted keys in ${dir}: ${messageOf(cause)}`, undefined, cause);
  }
  entries.sort((a, b) => (a.name < b.name ? -1 : 1));
  const isKey = (entry: Dirent): boolean => isFingerprint(entry.name) && !entry.isDirectory();
  const names = (wanted: (entry: Dirent) => boolean): string[] => entries.filter(wanted).map((entry) => entry.name);
  return {
    fingerprints: names(isKey),
    dirs: names((entry) => entry.isDirectory()),
    strange: names((entry) => !isKey(entry) && !entry.isDirectory() && !entry.name.startsWith('.')),
  };
}
