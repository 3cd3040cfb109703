/** `https://…/app.aci`: asks whether what is stored is still what the URL leads to, and downloads it where it is not. */

import type { Dependency } from '../../appc/dependencies.ts';
import { RktError } from '../../base/errors.ts';
import { type Expected, mismatch } from '../expected.ts';
import { withoutPassword } from '../http/redirect.ts';
import type { Headers } from '../http/types.ts';
import type { ImageInfo } from '../image-info.ts';
import type { Staging } from '../staging.ts';
import type { Damage } from '../store.ts';
import { allowedBytes } from '../store-dirs.ts';
import { type Arrival, admit, receive } from './archive.ts';
import { conditions, isFresh, type Remote, readRemote, remoteOf, writeRemote } from './remotes.ts';
import type { FetchSession } from './session.ts';
import { downloadSignature, readSignature, signatureUrl, warnUnread } from './signature.ts';

export interface UrlRequest {
  readonly url: string;
  /** Where its signature is; default: beside it. */
  readonly signatureUrl?: string | undefined;
  /** A file with its signature, instead. */
  readonly signatureFile?: string | undefined;
  readonly expected?: Expected | undefined;
  /** Bytes of the archive, where an image that depends on it says so. */
  readonly size?: number | undefined;
}

/** Fetches what an image depends on, before it is stored itself. */
export type FetchDependencies = (image: string, dependencies: readonly Dependency[]) => Promise<void>;

/** What came of asking a server. */
type Outcome = { readonly info: ImageInfo } | { readonly arrival: Arrival; readonly headers: Headers };

/**
 * The stored image of a URL, unless it is gone, damaged, not the expected one, or was stored unchecked and is to be checked now.
 */
export function knownImage(
  session: FetchSession,
  remote: Remote | undefined,
  expected: Expected | undefined,
): ImageInfo | undefined {
  if (remote === undefined) return undefined;
  const info = session.store.readable(remote.id);
  if (info === undefined) return undefined;
  // A missing tree is extracted when it is needed: that of an unverified image never was. Layers can only be fetched again.
  const restorable = (damage: Damage): boolean => damage === 'tree missing' && info.blob !== undefined;
  if (session.store.verify(info).some((damage) => !restorable(damage))) return undefined;
  if (expected !== undefined && mismatch(expected, info.name, info.labels) !== undefined) return undefined;
  // Layers have no signature that could be checked now: that they were fetched without any was decided then.
  const isToBeChecked = info.verification.state === 'disabled' && info.blob !== undefined && !session.skipVerify;
  return isToBeChecked ? undefined : info;
}

/** Where the network may not be asked. */
export function notStored(image: string): RktError {
  return new RktError(`image ${image} is not in the store`, {
    code: 'ENOIMAGE',
    hint: 'with --pull-policy=never it is not fetched',
  });
}

/** Errors: those of the client, EVERIFY, EIMAGE, EMANIFEST, ESTORE; ENOIMAGE where the policy is never. */
export async function fetchUrl(
  session: FetchSession,
  request: UrlRequest,
  fetchDependencies: FetchDependencies,
): Promise<ImageInfo> {
  const { store, settings, log } = session;
  const { url } = request;
  const shownAs = withoutPassword(url);
  const stored = knownImage(session, readRemote(store.paths, url), request.expected);
  if (stored !== undefined && settings.pullPolicy !== 'update') {
    warnUnread(session, shownAs, request.signatureFile);
    return stored;
  }
  if (settings.pullPolicy === 'never') throw notStored(shownAs);
  log.info(`fetching image from ${shownAs}`);
  if (session.skipVerify) log.warn('signature verification has been disabled');

  const asked = Date.now();
  const outcome = await exclusively(session, url, () => obtain(session, request, asked));
  if ('info' in outcome) return outcome.info;
  const { arrival, headers } = outcome;
  try {
    // Without the lock: what it depends on has locks of its own, and may be waited for by others who hold them.
    await fetchDependencies(shownAs, arrival.dependencies);
    return await exclusively(session, url, () => admitAndRemember(session, url, arrival, headers));
  } finally {
    arrival.staging.remove();
  }
}

function exclusively<T>(session: FetchSession, url: string, work: () => Promise<T>): Promise<T> {
  return session.store.exclusively(`url ${url}`, work, () =>
    session.log.info(`waiting for another rkt that is fetching ${withoutPassword(url)}`),
  );
}

/** The image; or, where others have to be fetched before it, what of it is here. */
async function obtain(session: FetchSession, request: UrlRequest, asked: number): Promise<Outcome> {
  const { store } = session;
  const { url, expected } = request;
  const remote = readRemote(store.paths, url);
  const known = knownImage(session, remote, expected);
  // Fresh by what the server said, or fetched by another process while this one waited.
  if (remote !== undefined && known !== undefined && (isFresh(remote, Date.now()) || remote.checked >= asked)) {
    session.log.debug(`image ${known.id} is up to date`);
    return { info: known };
  }
  const staging = await store.stage();
  let kept = false;
  try {
    const { arrival, headers } = await download(session, request, staging, known === undefined ? undefined : remote);
    if (arrival !== undefined && arrival.dependencies.length > 0) {
      kept = true;
      return { arrival, headers };
    }
    if (arrival !== undefined) return { info: await admitAndRemember(session, url, arrival, headers) };
    const { id } = known as ImageInfo;
    const { etag, lastModified } = remote as Remote;
    const now = remoteOf(url, id, headers, Date.now());
    writeRemote(store.paths, { ...now, etag: now.etag ?? etag, lastModified: now.lastModified ?? lastModified });
    return { info: known as ImageInfo };
  } finally {
    if (!kept) staging.remove();
  }
}

/** `arrival` is undefined where the server says that the image is still the one that `remote` tells of. */
async function download(
  session: FetchSession,
  request: UrlRequest,
  staging: Staging,
  remote: Remote | undefined,
): Promise<{ arrival: Arrival | undefined; headers: Headers }> {
  const { url, signatureFile, size, expected } = request;
  const { progress } = session.settings;
  const client = await session.client();
  const shownAs = withoutPassword(url);
  let headers: Headers = {};
  const arrival = await receive(session, staging, {
    shownAs,
    expected,
    fill: async (file) => {
      const result = await client.download(url, file, {
        headers: remote === undefined ? {} : conditions(remote),
        maxBytes: allowedBytes(staging.path),
        ...(size === undefined ? {} : { expectedBytes: size }),
        progress: { to: progress, label: 'Downloading aci' },
        accept: (status) => status === 304 && remote !== undefined,
      });
      headers = result.headers;
      return result.status === 200;
    },
    signature: async () => {
      if (signatureFile !== undefined) return readSignature(signatureFile, shownAs);
      const from = request.signatureUrl ?? signatureUrl(url);
      return await downloadSignature({ client, url: from, image: shownAs, progress, log: session.log });
    },
  });
  return { arrival, headers };
}

async function admitAndRemember(
  session: FetchSession,
  url: string,
  arrival: Arrival,
  headers: Headers,
): Promise<ImageInfo> {
  const info = await admit(session, arrival);
  writeRemote(session.store.paths, remoteOf(url, info.id, headers, Date.now()));
  return info;
}
