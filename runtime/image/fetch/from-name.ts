/** `example.com/app:v1`: discovery, then the URLs that it gives. */

import type { ImageReference } from '../../appc/image-reference.ts';
import { acArch, type Label, labelValue } from '../../appc/labels.ts';
import { isRktError, RktError } from '../../base/errors.ts';
import { type Discovered, discoverImage } from '../discovery/index.ts';
import type { ImageInfo } from '../image-info.ts';
import { type FetchDependencies, fetchUrl } from './from-url.ts';
import { trustPublisher } from './publisher-keys.ts';
import type { FetchSession } from './session.ts';

export interface NameRequest {
  readonly reference: ImageReference;
  /** The name as the user wrote it. */
  readonly shownAs: string;
  readonly signatureFile?: string | undefined;
  readonly size?: number | undefined;
}

/** `example.com/app:v1,os=linux`: the way people write names. */
export function showReference({ name, labels }: ImageReference): string {
  const version = labelValue(labels, 'version');
  const rest = labels.filter((label) => label.name !== 'version').map((label) => `,${label.name}=${label.value}`);
  return `${name}${version === undefined ? '' : `:${version}`}${rest.join('')}`;
}

/** Labels that nobody gave are those of this machine. */
function withDefaults({ name, labels }: ImageReference): ImageReference {
  const missing = (label: string): boolean => labelValue(labels, label) === undefined;
  const arch = acArch(process.arch);
  const defaults: Label[] = missing('os') ? [{ name: 'os', value: 'linux' }] : [];
  if (missing('arch') && arch !== undefined) defaults.push({ name: 'arch', value: arch });
  return { name, labels: [...labels, ...defaults] };
}

/** A name without a domain is what users of Docker type. */
const hintFor = (name: string): string | undefined =>
  name.includes('.') ? undefined : `for the image of a Docker registry, write docker://${name}`;

async function discover(session: FetchSession, reference: ImageReference, shownAs: string): Promise<Discovered[]> {
  const { allowHttp, log } = session;
  try {
    return await discoverImage(reference, { client: await session.client(), allowHttp, log });
  } catch (cause) {
    if (!isRktError(cause) || cause.code !== 'ENODISCOVERY') throw cause;
    const hint = cause.hint ?? hintFor(reference.name);
    throw new RktError(`image ${shownAs}: discovery failed: ${cause.message}`, {
      code: 'ENODISCOVERY',
      cause,
      ...(hint === undefined ? {} : { hint }),
    });
  }
}

/** Errors: ENODISCOVERY, and those of {@link fetchUrl}, of the last URL where none has the image. */
export async function fetchName(
  session: FetchSession,
  request: NameRequest,
  fetchDependencies: FetchDependencies,
): Promise<ImageInfo> {
  const { reference, shownAs, signatureFile, size } = request;
  session.log.info(`searching for app image ${shownAs}`);
  const complete = withDefaults(reference);
  const found = await discover(session, complete, shownAs);
  await trustPublisher(session, reference.name);
  for (const [index, { aci, signature, usedLabels }] of found.entries()) {
    // What the user asked for, and what the URL was made of.
    const asked = new Set([...reference.labels.map(({ name }) => name), ...usedLabels]);
    const labels = complete.labels.filter(({ name }) => asked.has(name));
    const expected = { name: reference.name, labels };
    try {
      return await fetchUrl(
        session,
        { url: aci, signatureUrl: signature, signatureFile, expected, size },
        fetchDependencies,
      );
    } catch (error) {
      // Another place may have it; a wrong image or signature ends the search.
      if (!isRktError(error) || error.code !== 'EHTTP' || index === found.length - 1) throw error;
      session.log.warn(error.message);
    }
  }
  throw new RktError(`image ${shownAs}: discovery found no place to fetch it from`, { code: 'ENODISCOVERY' });
}
