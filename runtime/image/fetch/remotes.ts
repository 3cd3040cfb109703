/**
 * What is remembered of a URL: which image it was, and how to ask whether it still is. One small JSON file per URL below
 * `images/remotes` (docs/on-disk-format.md). A hint, never the truth: whatever is wrong with a file, it counts as absent.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { isFullImageId } from '../../appc/image-id.ts';
import { errnoOf } from '../../base/errors.ts';
import { writeWhole } from '../../base/files.ts';
import type { ImagePaths } from '../../base/paths.ts';
import type { Headers } from '../http/types.ts';
import type { ImageInfo } from '../image-info.ts';
import type { ImageStore } from '../store.ts';

export interface Remote {
  readonly url: string;
  /** Id of the image that the URL led to. */
  readonly id: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Seconds for which nobody needs to ask again. */
  readonly maxAge: number;
  /** When the server answered last: milliseconds since 1970. */
  readonly checked: number;
}

const fileOf = ({ remotes }: ImagePaths, url: string): string =>
  `${remotes}/${createHash('sha512').update(url).digest('hex')}`;

const isTextOrAbsent = (value: unknown): boolean => value === undefined || typeof value === 'string';

function isRemote(value: unknown, url: string): value is Remote {
  const remote = value as Partial<Remote> | null;
  return (
    typeof remote === 'object' &&
    remote?.url === url &&
    typeof remote.id === 'string' &&
    isFullImageId(remote.id) &&
    isTextOrAbsent(remote.etag) &&
    isTextOrAbsent(remote.lastModified) &&
    typeof remote.maxAge === 'number' &&
    typeof remote.checked === 'number'
  );
}

export function readRemote(paths: ImagePaths, url: string): Remote | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(fileOf(paths, url), 'utf8'));
    return isRemote(value, url) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** The stored image that a URL or reference led to last, in whatever state it is. */
export function storedFrom(store: ImageStore, url: string): ImageInfo | undefined {
  const remote = readRemote(store.paths, url);
  return remote === undefined ? undefined : store.get(remote.id);
}

/** Callers hold the lock of the URL. */
export function writeRemote(paths: ImagePaths, remote: Remote): void {
  mkdirSync(paths.remotes, { recursive: true, mode: 0o700 });
  writeWhole(fileOf(paths, remote.url), `${JSON.stringify({ version: 1, ...remote })}\n`);
}

/** What an answer says about asking again (RFC 9111, 5.2.2). */
export function remoteOf(url: string, id: string, headers: Headers, now: number): Remote {
  return {
    url,
    id,
    etag: headers.etag,
    lastModified: headers['last-modified'],
    maxAge: maxAgeOf(headers['cache-control']),
    checked: now,
  };
}

/** Seconds; 0 where the answer must not be used again without asking. */
export function maxAgeOf(cacheControl: string | undefined): number {
  const directives = (cacheControl ?? '')
    .toLowerCase()
    .split(',')
    .map((part) => part.trim());
  if (directives.includes('no-store') || directives.includes('no-cache')) return 0;
  const age = directives.flatMap((part) => /^max-age="?([0-9]{1,9})"?$/.exec(part)?.[1] ?? [])[0];
  return age === undefined ? 0 : Number(age);
}

/** Whether the server said that nothing will have changed by now. A clock that was set back makes nothing fresh. */
export function isFresh({ checked, maxAge }: Remote, now: number): boolean {
  return now >= checked && now - checked < maxAge * 1000;
}

/** Headers by which the server answers 304 if the image is still the same. */
export function conditions({ etag, lastModified }: Remote): Headers {
  if (etag !== undefined) return { 'if-none-match': etag };
  return lastModified === undefined ? {} : { 'if-modified-since': lastModified };
}
