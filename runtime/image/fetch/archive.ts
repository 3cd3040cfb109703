/** One archive on its way from a URL or a file into the store. */

import { writeFileSync } from 'node:fs';
import type { Dependency } from '../../appc/dependencies.ts';
import type { Label } from '../../appc/labels.ts';
import { RktError } from '../../base/errors.ts';
import { type Expected, mismatch } from '../expected.ts';
import type { ImageInfo, Verification } from '../image-info.ts';
import type { Staging } from '../staging.ts';
import { allowedBytes } from '../store-dirs.ts';
import { announceSigners, announceUnverified, judgeSignature } from './judge.ts';
import { peekManifest } from './peek.ts';
import type { FetchSession } from './session.ts';
import { StagedFile } from './staged.ts';

/** An archive that is complete and judged; nothing of it is extracted yet. */
export interface Arrival {
  readonly staging: Staging;
  readonly blob: { readonly path: string; readonly digest: string };
  readonly signature: string | undefined;
  readonly verification: Verification;
  readonly hint: string | undefined;
  readonly shownAs: string;
  readonly dependencies: readonly Dependency[];
  readonly expected: Expected | undefined;
}

export interface ArrivalOptions {
  readonly shownAs: string;
  readonly expected: Expected | undefined;
  /** Writes the archive; false where there is no need for it. */
  readonly fill: (file: StagedFile) => Promise<boolean>;
  /** Gets the signature; not asked where verification is switched off. */
  readonly signature: () => Promise<Uint8Array>;
}

function checkExpected(image: string, expected: Expected, name: string, labels: readonly Label[]): void {
  const reason = mismatch(expected, name, labels);
  if (reason === undefined) return;
  throw new RktError(`image ${image}: ${reason}`, {
    code: 'EVERIFY',
    hint: 'what the server gave is another image than the one that was asked for',
  });
}

/**
 * Brings an archive into `staging` and judges it; undefined where it was not needed. Errors: those of filling, EVERIFY,
 * EIMAGE, EMANIFEST.
 */
export async function receive(
  session: FetchSession,
  staging: Staging,
  options: ArrivalOptions,
): Promise<Arrival | undefined> {
  const { shownAs, expected } = options;
  const file = new StagedFile(`${staging.path}/download`);
  try {
    if (!(await options.fill(file))) return undefined;
  } finally {
    file.close();
  }
  const signature = session.skipVerify ? undefined : await options.signature();
  const manifest = await peekManifest(file.path, allowedBytes(staging.path), shownAs);
  if (expected !== undefined) checkExpected(shownAs, expected, manifest.name, manifest.labels);
  const arrival = {
    staging,
    blob: { path: file.path, digest: file.digest() },
    shownAs,
    expected,
    dependencies: manifest.dependencies,
  };
  if (signature === undefined) {
    return { ...arrival, signature: undefined, verification: { state: 'disabled' }, hint: undefined };
  }
  const judged = await judgeSignature(session, { blob: file.path, signature, name: manifest.name });
  if (judged.verification.state === 'verified') announceSigners(session, judged.verification.signers);
  const path = `${staging.path}/download.asc`;
  writeFileSync(path, signature, { mode: 0o600 });
  return { ...arrival, signature: path, ...judged };
}

/** Extracts an archive that was judged, and makes it an image. */
export async function admit(session: FetchSession, arrival: Arrival): Promise<ImageInfo> {
  const { blob, signature, verification, expected, shownAs, hint } = arrival;
  const unverified = verification.state === 'unverified';
  // Without a verdict the image is taken all the same, and the line says once more from where.
  if (unverified) session.log.info(`fetching image from ${shownAs}`);
  const info = await session.store.importBlob({
    blobPath: blob.path,
    blobDigest: blob.digest,
    verification,
    ...(signature === undefined ? {} : { signature }),
    ...(expected === undefined ? {} : { expected }),
    shownAs,
    log: session.log,
    progress: session.settings.progress,
  });
  session.judged.add(info.id);
  if (unverified) announceUnverified(session, shownAs, hint);
  return info;
}
