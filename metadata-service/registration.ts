/**
 * The application behind the registration socket. A registration is bound to the connection it comes by: while that is
 * open, the pod is registered. See docs/metadata-service.md for the protocol.
 */

import type { Socket } from 'node:net';
import express, {
  type ErrorRequestHandler,
  type Express,
  type Request,
  type RequestHandler,
  type Response,
} from 'express';
import { messageOf } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { readBody, requireContentType } from './body.ts';
import { createDocument, type Document } from './documents.ts';
import { ServiceError } from './errors.ts';
import { lingerOnClose } from './linger.ts';
import type { Metrics } from './metrics.ts';
import type { Pod, ProcessIdentity } from './pod.ts';
import { parseRegistration } from './registration-request.ts';
import type { Lease, Registry } from './registry.ts';

/** The process at the other end of the registration socket. */
export interface Peer extends ProcessIdentity {
  readonly uid: number;
  /** Whether it shares the service's PID namespace; a process in a pod never does. */
  readonly isOnHost: boolean;
}

export interface RegistrationAppOptions {
  readonly registry: Registry;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly peerOf: (socket: Socket) => Peer;
  readonly rotateKey: () => Promise<number>;
  /** Open connections of pods. */
  readonly connections: () => number;
}

type PeerResponse = Response<unknown, { peer?: Peer }>;

/** Bytes of a registration: some manifests of at most 1 MiB each, as JSON strings. */
const bodyBytes = 16 * 1024 * 1024;

const created = createDocument('application/json', '{}\n');

export function createRegistrationApp(options: RegistrationAppOptions): Express {
  const { registry, metrics } = options;
  const leases = new WeakSet<Socket>();
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(requireRoot(options.peerOf));
  app.post('/v1/pods', requireOpenConnection, async (request, response: PeerResponse) => {
    await register(options, leases, request, response.locals.peer as Peer);
    send(response, 201, created);
  });
  app.get('/v1/pods', (_request, response) => sendJson(response, { pods: registry.list().map(describePod) }));
  app.delete('/v1/pods/:uuid', async (request, response) => {
    if (!(await registry.unregister(request.params.uuid))) throw new ServiceError('unknown_pod');
    sendJson(response, {});
  });
  app.get('/v1/health', (_request, response) => sendJson(response, { status: 'ok', pods: registry.size }));
  app.post('/v1/keys/rotate', async (_request, response) => sendJson(response, { version: await options.rotateKey() }));
  app.get('/metrics', (_request, response) => {
    const text = metrics.render({ pods: registry.size, connections: options.connections() });
    send(response, 200, createDocument('text/plain; version=0.0.4; charset=utf-8', text));
  });
  app.use(() => {
    throw new ServiceError('not_found');
  });
  app.use(answerError(options));
  return app;
}

/** The file mode keeps others out as well; this also holds where somebody made the socket reachable by a bind mount. */
function requireRoot(peerOf: (socket: Socket) => Peer): RequestHandler {
  return (request, response: PeerResponse, next) => {
    const peer = peerOf(request.socket);
    if (peer.uid !== 0) throw new ServiceError('not_root');
    if (!peer.isOnHost) throw new ServiceError('not_on_host');
    response.locals.peer = peer;
    next();
  };
}

/** An HTTP/1.0 client, or one that says it will close, would unregister its pod by that. */
const requireOpenConnection: RequestHandler = (request, _response, next) => {
  const closes = /\bclose\b/i.test(request.headers.connection ?? '');
  if (closes || request.httpVersionMinor === 0) throw new ServiceError('lease_not_kept');
  next();
};

async function register(
  options: RegistrationAppOptions,
  leases: WeakSet<Socket>,
  request: Request,
  peer: Peer,
): Promise<void> {
  requireContentType(request, 'application/json');
  const { socket } = request;
  const registration = parseRegistration((await readBody(request, bodyBytes)).toString());
  if (leases.has(socket)) throw new ServiceError('lease_in_use');
  leases.add(socket);
  const { pid, startTime } = peer;
  try {
    await options.registry.register({ ...registration, process: { pid, startTime } }, createLease(socket));
  } catch (error) {
    leases.delete(socket);
    throw error;
  }
  options.log.debug(`metadata service: registered pod ${registration.uuid} at ${registration.ip ?? 'no address'}`);
}

/** The kernel closes the connection when the last process that holds it has ended, however it ended. */
function createLease(socket: Socket): Lease {
  const ended = new Promise<void>((resolve) => {
    if (socket.destroyed) resolve();
    else for (const event of ['end', 'close']) socket.once(event, () => resolve());
  });
  return { ended, cancel: () => {} };
}

/** What `GET /v1/pods` shows of a pod: nothing secret, and no manifests. */
function describePod({ uuid, ip, hostInterface, requireToken, dir, process, documents }: Pod): unknown {
  return { uuid, ip, hostInterface, requireToken, dir, pid: process.pid, apps: [...documents.apps.keys()] };
}

function sendJson(response: Response, value: unknown): void {
  send(response, 200, createDocument('application/json', `${JSON.stringify(value)}\n`));
}

/** Always with a Content-Length: the runtime's client knows no chunked encoding. */
function send(response: Response, status: number, { headers, body }: Document): void {
  response.writeHead(status, headers).end(body);
}

function answerError({ metrics, log }: RegistrationAppOptions): ErrorRequestHandler {
  return (thrown, request, response, _next) => {
    const error = toServiceError(thrown);
    if (error.code === 'internal') log.warn(`metadata service: ${request.method} failed: ${messageOf(thrown)}`);
    metrics.refusal(error.code);
    if (!request.complete) lingerOnClose(request);
    if (error.status === 413 || error.status === 403) response.setHeader('Connection', 'close');
    send(response, error.status, createDocument('application/json', error.body()));
  };
}

/** Root may know what went wrong. */
function toServiceError(thrown: unknown): ServiceError {
  return thrown instanceof ServiceError ? thrown : new ServiceError('internal', messageOf(thrown));
}
