/** Meta discovery (appc spec, discovery.md): from the name of an image to URLs. */

import type { ImageReference } from '../../appc/image-reference.ts';
import { labelValue } from '../../appc/labels.ts';
import { isRktError, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { HttpClient, HttpResponse } from '../http/types.ts';
import { findMetaTags } from './meta-tags.ts';
import { fillTemplate } from './template.ts';

export interface DiscoveryOptions {
  readonly client: HttpClient;
  /** Plain HTTP is tried where HTTPS fails. */
  readonly allowHttp: boolean;
  readonly log: Log;
}

/** Where an image and its signature are. */
export interface Discovered {
  readonly aci: string;
  readonly signature: string;
  /** Names of the labels that stand in the URLs: the manifest must have them with the same values. */
  readonly usedLabels: readonly string[];
}

/** Bytes of a page that are read; a page with meta tags needs a few hundred. */
const maxPageBytes = 1024 * 1024;

/** The version that a template gets where the user named none; images are published under it by convention. */
const defaultVersion = 'latest';

const noTags = (): RktError => new RktError('found no ACI meta tags', { code: 'ENODISCOVERY' });

/** The name and its parents, longest first: `example.com/a/b`, `example.com/a`, `example.com`. */
export function pagesOf(name: string): string[] {
  const parts = name.split('/');
  return parts.map((_, index) => parts.slice(0, parts.length - index).join('/'));
}

async function getPage(name: string, { client, allowHttp, log }: DiscoveryOptions): Promise<HttpResponse> {
  const url = `https://${name}?ac-discovery=1`;
  try {
    return await client.request(url);
  } catch (error) {
    if (!allowHttp || !isRktError(error) || (error.code !== 'EHTTP' && error.code !== 'ETLS')) throw error;
    log.warn(`${error.message}; trying plain HTTP`);
    return await client.request(`http://${name}?ac-discovery=1`);
  }
}

/**
 * Asks the name and then its parents; the first page with tags that `pick` can use has the answer. A page that is not there
 * (4xx) or has none leads to the parent; any other failure ends the search. Errors: ENODISCOVERY.
 */
async function walk<T>(
  name: string,
  tag: string,
  options: DiscoveryOptions,
  pick: (value: string) => T | undefined,
): Promise<T[]> {
  for (const page of pagesOf(name)) {
    let found: T[];
    try {
      found = await readPage(page, name, tag, options, pick);
    } catch (cause) {
      if (!isRktError(cause)) throw cause;
      const hint = cause.hint === undefined ? {} : { hint: cause.hint };
      throw new RktError(cause.message, { code: 'ENODISCOVERY', cause, ...hint });
    }
    if (found.length > 0) return found;
  }
  throw noTags();
}

async function readPage<T>(
  page: string,
  name: string,
  tag: string,
  options: DiscoveryOptions,
  pick: (value: string) => T | undefined,
): Promise<T[]> {
  const { log } = options;
  const response = await getPage(page, options);
  if (response.status >= 400 && response.status < 500) {
    await response.discard();
    log.debug(`${response.url}: status ${response.status}, trying the parent`);
    return [];
  }
  if (response.status !== 200) {
    await response.discard();
    throw new RktError(`fetching ${response.url}: the server answered ${response.status}`, { code: 'EHTTP' });
  }
  const tags = findMetaTags(await response.text(maxPageBytes)).filter((meta) => meta.name === tag);
  log.debug(`${response.url}: ${tags.length} ${tag} tag(s)`);
  return tags.flatMap(({ content }) => {
    const [prefix, value, ...more] = content.trim().split(/\s+/);
    if (prefix === undefined || value === undefined || more.length > 0 || !name.startsWith(prefix)) return [];
    return pick(value) ?? [];
  });
}

/** Whether rkt can and may fetch from there: a page may name other schemes, and http for those who allow it. */
function isUsable(url: string, allowHttp: boolean): boolean {
  if (!URL.canParse(url)) return false;
  const { protocol } = new URL(url);
  return protocol === 'https:' || (protocol === 'http:' && allowHttp);
}

/**
 * URLs for an image, in the order of the tags. Labels os and arch must be given where the templates ask for them; a version
 * that is not given is "latest". Errors: ENODISCOVERY ("found no ACI meta tags", or why the host did not answer).
 */
export async function discoverImage(reference: ImageReference, options: DiscoveryOptions): Promise<Discovered[]> {
  const { name, labels } = reference;
  const versioned = labelValue(labels, 'version') !== undefined;
  const complete = versioned ? reference : { name, labels: [...labels, { name: 'version', value: defaultVersion }] };
  return await walk(name, 'ac-discovery', options, (template) => {
    const aci = template.includes('{ext}') ? fillTemplate(template, complete, 'aci') : undefined;
    const signature = fillTemplate(template, complete, 'aci.asc');
    if (aci === undefined || signature === undefined || !isUsable(aci, options.allowHttp)) {
      options.log.debug(`discovery template ${JSON.stringify(template)} cannot be used`);
      return undefined;
    }
    const usedLabels = labels.map((label) => label.name).filter((label) => template.includes(`{${label}}`));
    return { aci, signature, usedLabels };
  });
}

/** URLs of public keys for a prefix (`ac-discovery-pubkeys`). Errors: as {@link discoverImage}. */
export async function discoverKeys(prefix: string, options: DiscoveryOptions): Promise<string[]> {
  const found = await walk(prefix, 'ac-discovery-pubkeys', options, (url) =>
    isUsable(url, options.allowHttp) ? url : undefined,
  );
  return [...new Set(found)];
}
