/**
 * `--trust-keys-from-https` (rkt 1.x): before an image of a publisher is fetched about whom nothing has been decided, the keys that
 * the publisher's web page names are trusted for that image, because they came over HTTPS.
 */

import { isRktError } from '../../base/errors.ts';
import { discoverKeys } from '../discovery/index.ts';
import { downloadBytes } from '../http/download-bytes.ts';
import type { FetchSession } from './session.ts';

/** Does nothing where a key was trusted or disabled already for the name. A failure is a warning: the image is unverified then. */
export async function trustPublisher(session: FetchSession, name: string): Promise<void> {
  const { settings, log } = session;
  if (!settings.trustKeysFromHttps || session.skipVerify) return;
  const keystore = await session.keys();
  if (await keystore.knows(name)) return;
  const client = await session.keyClient();
  const allowHttp = session.keysByHttp;
  const { readKeyLocation, trustKeys } = await import('../trust/index.ts');
  try {
    await trustKeys({
      keystore,
      prefix: name,
      locations: await discoverKeys(name, { client, allowHttp, log }),
      read: (location) =>
        readKeyLocation(location, { allowHttp, download: (url, maxBytes) => downloadBytes(client, url, maxBytes) }),
      withoutReview: () => true,
      ask: () => undefined,
      show: (line) => settings.progress.line(line),
      report: (line) => settings.progress.line(line),
    });
  } catch (error) {
    if (!isRktError(error)) throw error;
    log.warn(`no key of the publisher of ${name} is trusted: ${error.message}`);
  }
}
