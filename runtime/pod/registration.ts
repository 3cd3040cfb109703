/**
 * The runtime's side of the registration protocol (docs/metadata-service.md). It is HTTP on a unix socket, spoken by hand on
 * a blocking descriptor: the connection is the pod's lease, so it has to stay open, without a client library around it, in
 * the program that this process becomes.
 */

import { closeSync, readSync, writeSync } from 'node:fs';
import { native } from '../../native/index.ts';
import { errnoOf, messageOf, RktError } from '../base/errors.ts';

/** How long the service may take for an answer, in milliseconds. */
const timeoutMs = 10_000;
const maxAnswer = 64 * 1024;

export interface Registration {
  readonly uuid: string;
  /** Where the pod lies, for the service to tell whether it lives after a restart. */
  readonly dir: string;
  /** The pod's address, where it has one of its own. */
  readonly ip?: string;
  readonly hostInterface?: string;
  readonly token: string;
  readonly requireToken: boolean;
  /** JSON text of the reified pod manifest. */
  readonly podManifest: string;
  readonly images: Readonly<Record<string, { id: string; manifest: string }>>;
}

/** Connects to the service. Errors: ENOMDS where nobody listens. */
export function connectMetadataService(socket: string): number {
  try {
    return native.connectUnix(socket, timeoutMs);
  } catch (cause) {
    const gone = ['ENOENT', 'ECONNREFUSED'].includes(errnoOf(cause) ?? '');
    throw new RktError(
      gone ? 'the metadata service is not running' : `reaching the metadata service: ${messageOf(cause)}`,
      {
        code: 'ENOMDS',
        hint: 'start it with "rkt metadata-service", or let this pod bring its own with --spawn-metadata-svc',
        cause,
      },
    );
  }
}

/**
 * Asks for a pod to be registered over a connection that becomes its lease. The service makes it durable while the caller goes
 * on; returns what waits for the answer, which must be called before the pod starts. Errors: EREGISTER with the reason.
 */
export function register(fd: number, registration: Registration): () => void {
  send(fd, 'POST', '/v1/pods', JSON.stringify(registration));
  return () => {
    const { status, body } = receive(fd);
    if (status !== 201) throw refused(`registering pod ${registration.uuid}`, status, body);
  };
}

/** Takes a pod out of the service after it died without closing its lease. Quiet where there is no such pod, or no service. */
export function unregister(socket: string, uuid: string): void {
  let fd: number;
  try {
    fd = connectMetadataService(socket);
  } catch {
    return;
  }
  try {
    send(fd, 'DELETE', `/v1/pods/${uuid}`, '');
    receive(fd);
  } finally {
    closeSync(fd);
  }
}

function refused(what: string, status: number, body: string): RktError {
  let reason = `status ${status}`;
  try {
    reason = (JSON.parse(body) as { error?: { message?: string } }).error?.message ?? reason;
  } catch {
    // The status says enough where the body is not the service's own.
  }
  return new RktError(`${what} with the metadata service: ${reason}`, { code: 'EREGISTER' });
}

function send(fd: number, method: string, path: string, body: string): void {
  const payload = Buffer.from(body);
  const head = [
    `${method} ${path} HTTP/1.1`,
    'Host: rkt',
    'Content-Type: application/json',
    `Content-Length: ${payload.length}`,
    '',
    '',
  ].join('\r\n');
  talking(() => {
    let rest = Buffer.concat([Buffer.from(head), payload]);
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest));
  });
}

const receive = (fd: number): { status: number; body: string } => talking(() => readAnswer(fd));

function talking<T>(work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const slow = errnoOf(cause) === 'EAGAIN';
    const reason = slow ? `no answer in ${timeoutMs / 1000} s` : messageOf(cause);
    throw new RktError(`talking to the metadata service: ${reason}`, { code: 'EREGISTER', cause });
  }
}

/** One HTTP/1.1 answer with Content-Length; the service sends no other kind on this socket. */
function readAnswer(fd: number): { status: number; body: string } {
  const buffer = Buffer.alloc(maxAnswer);
  let length = 0;
  for (;;) {
    const end = buffer.subarray(0, length).indexOf('\r\n\r\n');
    if (end >= 0) {
      const head = buffer.toString('latin1', 0, end);
      const size = Number(/^content-length:\s*(\d+)/im.exec(head)?.[1] ?? 0);
      if (length >= end + 4 + size) {
        return {
          status: Number(head.split(' ', 2)[1]),
          body: buffer.toString('utf8', end + 4, end + 4 + size),
        };
      }
    }
    const read = length < maxAnswer ? readSync(fd, buffer, length, maxAnswer - length, null) : 0;
    if (read === 0) throw new Error('the connection was closed in the middle of an answer');
    length += read;
  }
}
