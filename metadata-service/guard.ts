/**
 * Refuses what no program in a pod sends on its own behalf: requests that came through a proxy or a browser, that were meant
 * for another host, or that are written in a way that two parsers could read differently. (IMDSv2 of Amazon EC2 refuses
 * X-Forwarded-For for the same reason: a proxy that fetches any URL for strangers must not fetch these.)
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { type ErrorCode, ServiceError } from './errors.ts';

/** Added by proxies, or understood by them as an order. Every header that starts with `x-forwarded` counts as well. */
const proxyHeaders = [
  'forwarded',
  'via',
  'x-real-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-url',
  'x-rewrite-url',
  'x-http-method-override',
  'true-client-ip',
  'client-ip',
  'cf-connecting-ip',
  'proxy-authorization',
  'proxy-connection',
] as const;

/** Added by browsers to what a page requests; a program that uses fetch() outside of a browser sends none of them. */
const browserHeaders = ['origin', 'referer', 'sec-fetch-site', 'sec-fetch-dest'] as const;

/** Every path that is served consists of these characters, so nothing is ever decoded or normalised. */
const plainPath = /^(\/|(\/[A-Za-z0-9_-]+)+)$/;

/** @param hosts the values of Host that are meant for this service. Throws the refusal. */
export function guardRequest(request: IncomingMessage, hosts: ReadonlySet<string>): void {
  const code = findRefusal(request, hosts);
  if (code !== undefined) throw new ServiceError(code);
}

function findRefusal(request: IncomingMessage, hosts: ReadonlySet<string>): ErrorCode | undefined {
  const { headers, method } = request;
  if (request.httpVersionMajor !== 1) return 'bad_request';
  const target = request.url ?? '';
  if (!target.startsWith('/')) return 'absolute_uri';
  if (!isForThisHost(request, hosts)) return 'bad_host';
  if (isProxied(headers)) return 'proxied';
  if (browserHeaders.some((name) => headers[name] !== undefined)) return 'browser';
  if (headers.upgrade !== undefined) return 'upgrade_refused';
  if (!plainPath.test(target)) return 'bad_path';
  if ((method === 'GET' || method === 'HEAD') && hasBody(headers)) return 'unexpected_body';
  return undefined;
}

/** `request.headers` shows only the first of several Host headers, hence the look at all of them. */
function isForThisHost(request: IncomingMessage, hosts: ReadonlySet<string>): boolean {
  const given = request.headersDistinct.host;
  return given?.length === 1 && hosts.has(given[0] as string);
}

function isProxied(headers: IncomingHttpHeaders): boolean {
  for (const name in headers) if (name.startsWith('x-forwarded')) return true;
  return proxyHeaders.some((name) => headers[name] !== undefined);
}

/** Whether a request announces a body. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || !(headers['content-length'] ?? '0').match(/^0+$/);
}
