/** Paths in a merged view, resolved as a process would whose root it is: links are followed inside it only. */

import { readlinkSync } from 'node:fs';
import { type Layer, lookUp, type MergedEntry } from './merged-view.ts';

/** Links that are followed in one path, as many as the kernel follows (MAXSYMLINKS). */
const maxLinks = 40;

const byteString = (path: string | Buffer): string[] =>
  Buffer.from(path as string)
    .toString('latin1')
    .split('/');

/** An error as the kernel would give it. */
function failure(code: 'ENOENT' | 'ENOTDIR' | 'ELOOP', path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/** What `path` is, links followed. Throws ENOENT, ENOTDIR or ELOOP. */
export function resolveMerged(layers: readonly Layer[], path: string): MergedEntry {
  const root: MergedEntry = {
    name: Buffer.alloc(0),
    path: Buffer.alloc(0),
    source: (layers[0] as Layer).root,
    layers,
  };
  let pending = byteString(path);
  let trail = [root];
  let links = 0;
  while (pending.length > 0) {
    const [part = '', ...rest] = pending;
    pending = rest;
    if (part === '' || part === '.') continue;
    const here = trail.at(-1) as MergedEntry;
    if (here.layers === undefined) throw failure('ENOTDIR', path);
    if (part === '..') {
      trail = trail.length > 1 ? trail.slice(0, -1) : trail;
      continue;
    }
    const entry = lookUp(here.layers, here.path, Buffer.from(part, 'latin1'));
    if (entry === undefined) throw failure('ENOENT', path);
    const target = entry.layers === undefined ? linkTarget(entry.source) : undefined;
    if (target === undefined) {
      trail = [...trail, entry];
      continue;
    }
    if (++links > maxLinks) throw failure('ELOOP', path);
    if (target[0] === 0x2f) trail = [root];
    pending = [...byteString(target), ...pending];
  }
  const end = trail.at(-1) as MergedEntry;
  if (path.endsWith('/') && end.layers === undefined) throw failure('ENOTDIR', path);
  return end;
}

/** Where a symbolic link points; undefined where `source` is none. */
function linkTarget(source: Buffer): Buffer | undefined {
  try {
    return readlinkSync(source, { encoding: 'buffer' });
  } catch (error) {
    if ((error as { code?: string }).code === 'EINVAL') return undefined;
    throw error;
  }
}
