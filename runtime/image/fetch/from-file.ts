/** A local archive, with its signature beside it. */

import { existsSync } from 'node:fs';
import { RktError } from '../../base/errors.ts';
import type { ImageInfo } from '../image-info.ts';
import { admit, receive } from './archive.ts';
import type { FetchDependencies } from './from-url.ts';
import type { FetchSession } from './session.ts';
import { readSignature } from './signature.ts';
import { copyInto } from './staged.ts';

/** Errors: EVERIFY, EIMAGE, EMANIFEST, ESTORE. */
export async function fetchFile(
  session: FetchSession,
  path: string,
  signatureFile: string | undefined,
  fetchDependencies: FetchDependencies,
): Promise<ImageInfo> {
  const { log, store } = session;
  if (session.skipVerify) {
    log.info(`fetching image from ${path}`);
    log.warn('signature verification has been disabled');
    const info = await store.importFile(path, { verification: 'disabled', log });
    await fetchDependencies(path, info.manifest.dependencies);
    return info;
  }
  const signature = signatureFile ?? `${path}.asc`;
  // Without the archive itself, that is what has to be said.
  if (signatureFile === undefined && !existsSync(signature) && existsSync(path)) {
    throw new RktError(`image ${path}: its signature cannot be verified: there is no ${signature}`, {
      code: 'EVERIFY',
      hint: 'if you trust the file, switch verification off: -insecure-skip-verify or --insecure-options=image',
    });
  }
  log.info(`fetching image from ${path}`);
  const staging = await store.stage();
  try {
    const arrival = await receive(session, staging, {
      shownAs: path,
      expected: undefined,
      fill: async (file) => {
        await copyInto(file, path);
        return true;
      },
      signature: async () => readSignature(signature, path),
    });
    if (arrival === undefined) throw new Error('a local file is always copied');
    await fetchDependencies(path, arrival.dependencies);
    return await admit(session, arrival);
  } finally {
    staging.remove();
  }
}
