/** Where a redirect may lead, and what goes along. */

import { RktError } from '../../base/errors.ts';
import type { Headers, RequestOptions } from './types.ts';

/** One request on its way. */
export interface Hop {
  readonly url: URL;
  readonly method: NonNullable<RequestOptions['method']>;
  readonly headers: Headers;
  readonly body: RequestOptions['body'];
  /** Whether credentials for this host may be looked up: not where the caller forbids it, nor after a step down from https to http. */
  readonly mayAuthenticate: boolean;
}

/** Headers that belong to the server that they were made for. */
const secret = ['authorization', 'cookie', 'proxy-authorization'];

/** A URL as people may see it: without user and password. */
export function shownUrl(url: URL): string {
  const clean = new URL(url);
  clean.username = '';
  clean.password = '';
  return clean.href;
}

/** The same of what a user wrote, which otherwise stays as it is. */
export const withoutPassword = (text: string): string =>
  URL.canParse(text) && new URL(text).username !== '' ? shownUrl(new URL(text)) : text;

/** Errors: EARGUMENT for what is no http(s) URL, EINSECURE for plain http where it is not allowed. */
export function checkUrl(text: string, allowHttp: boolean): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RktError(`${JSON.stringify(text)} is not a URL of https or http`, { code: 'EARGUMENT' });
  }
  if (url.protocol === 'http:' && !allowHttp) {
    throw new RktError(`fetching ${shownUrl(url)}: plain HTTP is not allowed`, {
      code: 'EINSECURE',
      hint: 'use https, or switch the check off: --insecure-options=http',
    });
  }
  url.hash = '';
  return url;
}

export const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status);

function badRedirect(from: URL, reason: string, hint?: string): RktError {
  return new RktError(`fetching ${shownUrl(from)}: ${reason}`, {
    code: 'EREDIRECT',
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The request that follows `hop` when the server answers with a redirect to `location`. Errors: EREDIRECT. */
export function follow(hop: Hop, status: number, location: string | undefined, allowHttp: boolean): Hop {
  if (location === undefined) throw badRedirect(hop.url, 'the server redirects, but does not say where to');
  const url = URL.canParse(location, hop.url) ? new URL(location, hop.url) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw badRedirect(hop.url, `the server redirects to ${JSON.stringify(location)}, which is not a URL of https`);
  }
  // A server cannot name credentials for another; and a fragment is not sent.
  url.username = '';
  url.password = '';
  url.hash = '';
  const down = hop.url.protocol === 'https:' && url.protocol === 'http:';
  if (url.protocol === 'http:' && !allowHttp) {
    throw badRedirect(
      hop.url,
      `the server redirects to ${url.href}, which is plain HTTP`,
      'whoever runs the server has to change that; --insecure-options=http switches the check off',
    );
  }
  const same = url.origin === hop.url.origin;
  const becomesGet = status === 303 || (hop.method === 'POST' && (status === 301 || status === 302));
  return {
    url,
    method: becomesGet && hop.method !== 'HEAD' ? 'GET' : hop.method,
    headers: same
      ? hop.headers
      : Object.fromEntries(Object.entries(hop.headers).filter(([name]) => !secret.includes(name))),
    body: becomesGet ? undefined : hop.body,
    mayAuthenticate: hop.mayAuthenticate && !down,
  };
}
