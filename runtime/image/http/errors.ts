/** What went wrong with a request, in words. */

import { errnoOf, isRktError, messageOf, RktError } from '../../base/errors.ts';
import type { Headers } from './types.ts';

/** The server answered, but not with what was asked for. */
export class HttpError extends RktError {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;

  constructor(url: string, status: number, headers: Headers) {
    super(`fetching ${url}: the server answered ${describeStatus(status)}`, {
      code: 'EHTTP',
      ...(hints[status] === undefined ? {} : { hint: hints[status] }),
    });
    this.status = status;
    this.headers = headers;
    this.url = url;
  }
}

const meanings: Readonly<Record<number, string>> = {
  400: 'bad request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'not found',
  407: 'proxy authentication required',
  408: 'request timeout',
  410: 'gone',
  429: 'too many requests',
  500: 'internal server error',
  502: 'bad gateway',
  503: 'service unavailable',
  504: 'gateway timeout',
};

const credentialsHint =
  'credentials for a host belong into auth.d of a configuration directory (docs/configuration.md)';
const hints: Readonly<Record<number, string>> = { 401: credentialsHint, 403: credentialsHint };

/** `404 (not found)`. */
export function describeStatus(status: number): string {
  return meanings[status] === undefined ? String(status) : `${status} (${meanings[status]})`;
}

/** The status of an {@link HttpError} of any bundle; undefined for everything else. */
export function statusOf(error: unknown): number | undefined {
  const { code, status } = (error ?? {}) as { code?: unknown; status?: unknown };
  return code === 'EHTTP' && typeof status === 'number' ? status : undefined;
}

interface Reason {
  readonly text: string;
  readonly hint?: string;
  /** Sending the same request again may help. */
  readonly passing?: true;
  readonly tls?: true;
  /** A server that speaks plain HTTP looks like that to whoever asks it by TLS. */
  readonly plain?: true;
}

const brokenOff: Reason = { text: 'the connection broke off', passing: true };
const untrusted: Reason = {
  text: 'the certificate of the server is not signed by an authority that this system trusts',
  hint: 'add the authority to the system, or name a file with it in SSL_CERT_FILE; --insecure-options=tls switches the check off',
  tls: true,
};
const expired: Reason = {
  text: 'the certificate of the server is outside of its time of validity',
  hint: "check the system's clock",
  tls: true,
};
const notTls: Reason = { text: 'the server does not speak TLS', plain: true };
const noAnswer: Reason = { text: 'the server does not answer' };

const reasons: Readonly<Record<string, Reason>> = {
  ECONNREFUSED: { text: 'the connection was refused', plain: true },
  ENOTFOUND: { text: 'the host name is not known' },
  EAI_AGAIN: {
    text: 'the host name could not be looked up',
    hint: 'check the network and its name servers (/etc/resolv.conf)',
    passing: true,
  },
  EHOSTUNREACH: { text: 'there is no route to the host' },
  ENETUNREACH: { text: 'there is no route to the network' },
  ECONNRESET: brokenOff,
  EPIPE: brokenOff,
  UND_ERR_SOCKET: brokenOff,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: brokenOff,
  HPE_INVALID_EOF_STATE: brokenOff,
  ETIMEDOUT: noAnswer,
  UND_ERR_CONNECT_TIMEOUT: noAnswer,
  UND_ERR_HEADERS_TIMEOUT: noAnswer,
  UND_ERR_BODY_TIMEOUT: { text: 'the server stopped sending', passing: true },
  UND_ERR_HEADERS_OVERFLOW: { text: 'the head of the answer is too large' },
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: expired,
  CERT_NOT_YET_VALID: expired,
  ERR_TLS_CERT_ALTNAME_INVALID: { text: 'the certificate of the server is for another host', tls: true },
};

function reasonOf(error: unknown): Reason | undefined {
  for (let current = error; current !== undefined && current !== null; current = (current as Error).cause) {
    const known = reasons[errnoOf(current) ?? ''];
    if (known !== undefined) return known;
  }
  return undefined;
}

/** Whether the same request may succeed when it is sent again. */
export function isPassing(error: unknown): boolean {
  return reasonOf(error)?.passing === true;
}

/** Whether the server may be there, but speak plain HTTP. */
export function mayLackTls(error: unknown): boolean {
  return reasonOf(error)?.plain === true;
}

/** A failure of the transport in a few words, without the URL. */
export function describeFailure(error: unknown): string {
  const message = messageOf(error);
  // undici, lib/dispatcher/proxy-agent.js
  const refusal = /^Proxy response \(([0-9]{3})\)/.exec(message)?.[1];
  if (refusal !== undefined) return `the proxy answered ${describeStatus(Number(refusal))}`;
  return reasonOf(error)?.text ?? message;
}

/** What a person is told when there was no answer, or only a part of one. */
export function transportError(url: string, error: unknown): RktError {
  // Nothing was sent: authorities that cannot be read, for example.
  if (isRktError(error)) return error;
  const reason = reasonOf(error);
  return new RktError(`fetching ${url}: ${describeFailure(error)}`, {
    code: reason?.tls === true ? 'ETLS' : 'EHTTP',
    ...(reason?.hint === undefined ? {} : { hint: reason.hint }),
    cause: error,
  });
}
