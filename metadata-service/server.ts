/** Turns the two applications into servers. */

import { chmodSync, lstatSync, unlinkSync } from 'node:fs';
import { createServer, type RequestListener, type Server, STATUS_CODES } from 'node:http';
import { connect, type ListenOptions, type Socket } from 'node:net';
import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';
import type { Connections } from './connections.ts';
import { commonHeaders } from './documents.ts';
import { type ErrorCode, ServiceError } from './errors.ts';
import type { Limits } from './limits.ts';
import type { Metrics } from './metrics.ts';

export interface PodServerOptions {
  readonly app: RequestListener;
  readonly limits: Limits;
  readonly connections: Connections;
  readonly metrics: Metrics;
}

/** The server for pods: nothing that a client does, or fails to do, holds a connection for long. */
export function createPodServer({ app, limits, connections, metrics }: PodServerOptions): Server {
  const server = createServer(
    {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headersMs),
      insecureHTTPParser: false,
      // A missing Host is refused by the guard, in the same words as a wrong one.
      requireHostHeader: false,
      noDelay: true,
    },
    boundPipelining(app, limits.pipelined, metrics),
  );
  // Node would drop the headers above a number without a word, and with them what the guard looks for. The size bounds them.
  server.maxHeadersCount = 0;
  server.timeout = limits.stalledMs;
  server.on('connection', (socket) => {
    if (connections.admit(socket)) return;
    metrics.refusal('too_many_connections');
    socket.destroy();
  });
  server.on('clientError', (error, socket) => refuseRaw(socket as Socket, codeOfClientError(error), metrics));
  server.on('connect', (_request, socket) => refuseRaw(socket as Socket, 'method_not_allowed', metrics));
  return server;
}

/**
 * Ends connections with too many unanswered requests. Node itself takes as many as one read brings, some hundreds, and keeps
 * all their answers in memory for a client that may never read them.
 */
function boundPipelining(app: RequestListener, limit: number, metrics: Metrics): RequestListener {
  const unanswered = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    if (socket.destroyed) return;
    const count = (unanswered.get(socket) ?? 0) + 1;
    if (count > limit) {
      metrics.refusal('too_many_pipelined');
      socket.destroy();
      return;
    }
    unanswered.set(socket, count);
    response.once('close', () => unanswered.set(socket, (unanswered.get(socket) ?? 1) - 1));
    app(request, response);
  };
}

/** The server for the runtime: its connections are leases, so it never closes one. Only root can reach it. */
export function createRegistrationServer(app: RequestListener): Server {
  const server = createServer({ headersTimeout: 0, requestTimeout: 0, keepAliveTimeout: 0 }, app);
  server.timeout = 0;
  return server;
}

/** Node's names for what is wrong with a request that never became one. Undefined: the connection was lost. */
function codeOfClientError(error: NodeJS.ErrnoException): ErrorCode | undefined {
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return undefined;
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'request_timeout';
  return 'bad_request';
}

/** Refuses what did not become a request that an application could answer, and ends the connection. */
function refuseRaw(socket: Socket, code: ErrorCode | undefined, metrics: Metrics): void {
  if (code === undefined || !socket.writable) {
    socket.destroy();
    return;
  }
  metrics.refusal(code);
  const error = new ServiceError(code);
  const body = error.body();
  const headers = {
    ...commonHeaders,
    'Content-Type': 'application/json',
    'Content-Length': body.length,
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const allow = code === 'method_not_allowed' ? 'Allow: GET, HEAD, POST\r\n' : '';
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${lines.join('')}${allow}\r\n${body}`, () =>
    socket.destroy(),
  );
}

/** Resolves when `server` accepts connections. Throws EMETADATALISTEN, which names `what`. */
export function listen(server: Server, options: ListenOptions & { fd?: number }, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(listenError(what, error));
    server.once('error', fail);
    server.listen(options, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

/** {@link listen} for pods; an error says which port is taken, and how to choose another. */
export async function listenForPods(server: Server, host: string, port: number): Promise<void> {
  try {
    await listen(server, { host, port }, `${host}:${port}`);
  } catch (error) {
    const taken = error instanceof RktError && errnoOf(error.cause) === 'EADDRINUSE';
    if (!taken) throw error;
    throw new RktError(`cannot start the metadata service: port ${port} of ${host} is taken by another program`, {
      code: 'EMETADATALISTEN',
      hint: `find it by \`ss -ltnp "sport = :${port}"\`, or choose another port with --listen-port`,
      cause: error.cause,
    });
  }
}

/** Listens on a unix socket, in place of one that a killed service left behind. */
export async function listenUnix(server: Server, path: string): Promise<void> {
  await refuseIfServed(path);
  removeStale(path);
  await listen(server, { path }, path);
  chmodSync(path, 0o600);
}

/** Throws EMETADATARUNNING where somebody accepts connections on the unix socket `path`. */
export async function refuseIfServed(path: string): Promise<void> {
  if (!(await accepts(path))) return;
  throw new RktError(`cannot start the metadata service: it is already running, ${path} is being served`, {
    code: 'EMETADATARUNNING',
    hint: 'use the one that runs, or stop it first',
  });
}

function accepts(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    // ENOENT: no socket. ECONNREFUSED: nobody listens on it. EAGAIN: somebody does, and is busy.
    probe.once('error', (error) => resolve(errnoOf(error) === 'EAGAIN'));
  });
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw listenError(path, new Error('there is a file of that name that is not a socket'));
  unlinkSync(path);
}

function listenError(what: string, error: unknown): RktError {
  const inUse = errnoOf(error) === 'EADDRINUSE';
  const reason = inUse ? 'something else is listening there already' : messageOf(error);
  return new RktError(`cannot start the metadata service: listening on ${what}: ${reason}`, {
    code: 'EMETADATALISTEN',
    cause: error,
    ...(inUse ? { hint: 'is another metadata service running? Stop it first' } : {}),
  });
}

/** Stops accepting, lets requests in flight finish for at most `graceMs`, and ends the other connections at once. */
export function closeServer(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    if (!server.listening) {
      resolve();
      return;
    }
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}
