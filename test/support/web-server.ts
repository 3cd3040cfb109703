/**
 * A web server of the suite's own, on loopback: of this machine with a port of the kernel's choice, or of a sandbox. Handlers
 * run in the test's process, so a test can change what is served and see what was asked.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { type AddressInfo, createServer as createNet, type Server as NetServer, type Socket } from 'node:net';
import type { Certificate } from './certificates.ts';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** What was asked for. */
export interface Seen {
  readonly method: string;
  /** `example.com/app?x=1`, without the port. */
  readonly target: string;
  readonly headers: IncomingMessage['headers'];
}

export interface ServerOptions {
  /** Absent: plain HTTP. */
  readonly certificate?: Certificate;
  /** Path of a network namespace; default: this one. */
  readonly netns?: string;
  /** Default: the kernel's choice. */
  readonly port?: number;
}

/** Makes a listening socket in another network namespace: a child enters it, listens, and hands the socket over. */
async function listenIn(netns: string, port: number): Promise<NetServer> {
  const script = `const server = require('node:net').createServer().listen(${port}, '127.0.0.1', () =>
    process.send('listening', server, () => process.exit(0)));`;
  const child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  const arrived = new Promise<NetServer>((resolve) =>
    child.once('message', (_, server) => resolve(server as NetServer)),
  );
  const server = await Promise.race([arrived, ended.then(() => undefined)]);
  if (server === undefined) throw new Error(`no socket could be made in ${netns}`);
  await ended;
  return server;
}

export class WebServer {
  /** Everything that was asked for, oldest first. */
  readonly requests: Seen[] = [];
  readonly port: number;
  readonly #scheme: string;
  readonly #listener: NetServer;
  readonly #sockets = new Set<Socket>();
  readonly #routes = new Map<string, Handler>();

  private constructor(http: Server, listener: NetServer, scheme: string, port: number) {
    this.#listener = listener;
    this.#scheme = scheme;
    this.port = port;
    http.on('request', (request: IncomingMessage, response: ServerResponse) => this.#answer(request, response));
    listener.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
      // A client that hangs up is what many tests are about.
      socket.on('error', () => {});
      http.emit('connection', socket);
    });
  }

  static async start({ certificate, netns, port = 0 }: ServerOptions = {}): Promise<WebServer> {
    const http = certificate === undefined ? createHttp() : createHttps({ ...certificate });
    http.on('tlsClientError', () => {});
    let listener: NetServer;
    if (netns === undefined) {
      listener = createNet().listen(port, '127.0.0.1');
      await once(listener, 'listening');
    } else {
      listener = await listenIn(netns, port);
    }
    const actual = netns === undefined ? (listener.address() as AddressInfo).port : port;
    return new WebServer(http as Server, listener, certificate === undefined ? 'http' : 'https', actual);
  }

  /** URL of a path on this server, by address or by a host name that leads to it. */
  url(path: string, host = '127.0.0.1'): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  /** `target`: host and path, without port and query. `*` in place of the host: any. The last handler set counts. */
  on(target: string, handler: Handler): void {
    this.#routes.set(target, handler);
  }

  /** Serves bytes, with ranges and conditions as a good server does. */
  serve(target: string, content: Buffer | string, headers: Readonly<Record<string, string>> = {}): void {
    this.on(target, (request, response) => sendFile(request, response, Buffer.from(content), headers));
  }

  /** Targets that were asked for, oldest first; forgets them. */
  take(): string[] {
    return this.requests.splice(0).map(({ target }) => target);
  }

  /** Forgets what is served. */
  forget(): void {
    this.#routes.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    await closed;
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const host = (request.headers.host ?? '').replace(/:[0-9]+$/, '');
    const target = `${host}${request.url}`;
    this.requests.push({ method: request.method ?? '', target, headers: request.headers });
    const path = (request.url ?? '').replace(/\?.*$/s, '');
    const handler = this.#routes.get(`${host}${path}`) ?? this.#routes.get(`*${path}`);
    if (handler === undefined) response.writeHead(404).end('not here');
    else handler(request, response);
  }
}

/** A file as a good server sends it: ETag, 304, ranges guarded by If-Range. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  content: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  const { range, 'if-range': guard, 'if-none-match': condition } = request.headers;
  const all = { 'accept-ranges': 'bytes', ...headers };
  if (condition !== undefined && condition === headers.etag) {
    response.writeHead(304, all).end();
    return;
  }
  const start = guard === headers.etag ? Number(/^bytes=([0-9]+)-$/.exec(range ?? '')?.[1] ?? 0) : 0;
  const part = content.subarray(start);
  const contentRange = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
  response.writeHead(start === 0 ? 200 : 206, {
    ...all,
    ...(start === 0 ? {} : contentRange),
    'content-length': part.length,
  });
  response.end(part);
}

/** Sends the head that promises `content`, but only its first `bytes`, and breaks the connection. */
export function sendCut(
  response: ServerResponse,
  content: Buffer,
  bytes: number,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(200, { ...headers, 'content-length': content.length });
  response.write(content.subarray(0, bytes), () => response.socket?.destroy());
}
