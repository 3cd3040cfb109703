/** The HTTP client against a real TLS server that behaves well and badly. */

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { isRktError } from '../../../runtime/base/errors.ts';
import type { Log } from '../../../runtime/base/log.ts';
import {
  type Access,
  type HttpClient,
  type HttpOptions,
  openHttpClient,
  type Sink,
} from '../../../runtime/image/http/client.ts';
import type { Credentials } from '../../../runtime/image/http/credentials.ts';
import type { Progress } from '../../../runtime/image/progress.ts';
import { Authority } from '../../support/certificates.ts';
import { sendCut, sendFile, WebServer } from '../../support/web-server.ts';

const content = Buffer.alloc(300_000, 'the quick brown fox ');
const retries = { attempts: 3, delay: 1, maxDelay: 5 };

let dir: string;
let authority: Authority;
let server: WebServer;
let other: WebServer;
let plain: WebServer;
let warnings: string[];
const clients: HttpClient[] = [];

const log: Log = { info: () => {}, warn: (message) => warnings.push(message), debug: () => {}, debugging: false };

function open(options: Partial<HttpOptions> = {}): HttpClient {
  const client = openHttpClient({
    insecure: { http: false, tls: false },
    log,
    env: { SSL_CERT_FILE: authority.file },
    retries,
    ...options,
  });
  clients.push(client);
  return client;
}

class Collector implements Sink {
  chunks: Buffer[] = [];
  restarts = 0;
  write(chunk: Buffer): void {
    this.chunks.push(chunk);
  }
  restart(): void {
    this.chunks = [];
    this.restarts++;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** The code and message of what was thrown. */
async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (isRktError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-http-'));
  authority = new Authority(dir);
  const certificate = authority.issue(['127.0.0.1', 'localhost', 'proxied.test']);
  server = await WebServer.start({ certificate });
  other = await WebServer.start({ certificate });
  plain = await WebServer.start();
});

beforeEach(() => {
  warnings = [];
  for (const web of [server, other, plain]) web.requests.splice(0);
});

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

afterAll(async () => {
  await Promise.all([server, other, plain].map((web) => web.close()));
  rmSync(dir, { recursive: true, force: true });
});

describe('requests', () => {
  test('carry who asks, and ask for bytes as they are', async () => {
    server.serve('*/hello', 'hello', { etag: '"1"' });
    const response = await open().request(server.url('/hello'));
    expect([response.status, await response.text(10), response.headers.etag]).toEqual([200, 'hello', '"1"']);
    expect(server.requests[0]?.headers).toMatchObject({
      'user-agent': expect.stringMatching(/^rkt\//),
      'accept-encoding': 'identity',
    });
  });

  test('a body larger than allowed is refused', async () => {
    server.serve('*/large', content);
    const response = await open().request(server.url('/large'));
    expect(await failure(response.text(1000))).toEqual({
      code: 'ETOOBIG',
      message: `fetching ${server.url('/large')}: the answer has more than 1000 bytes`,
    });
  });

  test.each([500, 502, 503, 504, 429, 408])('status %i is asked again, until there is an answer', async (status) => {
    let times = 0;
    server.on('*/busy', (_, response) => {
      if (++times < 3) response.writeHead(status, { 'retry-after': '0' }).end();
      else response.end('at last');
    });
    const response = await open().request(server.url('/busy'));
    expect([response.status, await response.text(100), times]).toEqual([200, 'at last', 3]);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toMatch(
      new RegExp(`^fetching ${server.url('/busy')}: the server answered ${status} .*again in`),
    );
  });

  test('what fails for good is not asked again for ever', async () => {
    server.on('*/down', (_, response) => response.writeHead(503).end());
    expect((await open().request(server.url('/down'))).status).toBe(503);
    expect(server.take()).toHaveLength(1 + retries.attempts);
  });

  test.each([400, 401, 403, 404, 410])('status %i is an answer at once', async (status) => {
    server.on('*/no', (_, response) => response.writeHead(status).end());
    expect((await open().request(server.url('/no'))).status).toBe(status);
    expect(server.take()).toHaveLength(1);
  });

  test('a connection that is reset before the answer is tried again; a POST is not', async () => {
    let times = 0;
    server.on('*/reset', (_, response) => {
      if (++times % 2 === 1) response.socket?.destroy();
      else response.end('ok');
    });
    expect(await (await open().request(server.url('/reset'))).text(10)).toBe('ok');
    expect(await failure(open().request(server.url('/reset'), { method: 'POST', body: 'x' }))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/reset')}: the connection broke off`,
    });
    expect(times).toBe(3);
  });

  test('a server that hangs is given up: before its answer, and within', async () => {
    server.on('*/silent', () => {});
    server.on('*/stuck', (_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('a');
    });
    const client = open({ timeouts: { headers: 50, body: 50 }, retries: { ...retries, attempts: 0 } });
    expect(await failure(client.request(server.url('/silent')))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/silent')}: the server does not answer`,
    });
    const stuck = client.download(server.url('/stuck'), new Collector(), { maxBytes: 1000 });
    expect(await failure(stuck)).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/stuck')}: the server stopped sending`,
    });
  });

  test('a refused connection says so at once', async () => {
    const gone = await WebServer.start();
    await gone.close();
    const url = `https://127.0.0.1:${gone.port}/`;
    expect(await failure(open().request(url))).toEqual({
      code: 'EHTTP',
      message: `fetching ${url}: the connection was refused`,
    });
    expect(warnings).toEqual([]);
  });
});

describe('security of the transport', () => {
  test('an authority that the system does not know is refused, unless the check is off', async () => {
    server.serve('*/hello', 'hello');
    const stranger = mkdtempSync(join(dir, 'stranger-'));
    const env = { SSL_CERT_FILE: new Authority(stranger).file };
    expect(await failure(open({ env }).request(server.url('/hello')))).toEqual({
      code: 'ETLS',
      message: `fetching ${server.url('/hello')}: the certificate of the server is not signed by an authority that this system trusts`,
    });
    const careless = open({ env, insecure: { http: false, tls: true } });
    expect((await careless.request(server.url('/hello'))).status).toBe(200);
  });

  test('NODE_EXTRA_CA_CERTS adds to the system', async () => {
    server.serve('*/hello', 'hello');
    const env = { NODE_EXTRA_CA_CERTS: authority.file };
    expect((await open({ env }).request(server.url('/hello'))).status).toBe(200);
  });

  test('a file of authorities that is not there is named', async () => {
    const env = { SSL_CERT_FILE: '/nowhere/ca.pem' };
    const { code, message } = await failure(open({ env }).request(server.url('/hello')));
    expect(message).toContain('SSL_CERT_FILE: cannot read the certificates in /nowhere/ca.pem');
    expect(code).toBe('ETLS');
  });

  test('a certificate for another host, and an expired one, are refused', async () => {
    const wrong = await WebServer.start({ certificate: authority.issue(['example.com']) });
    const expired = await WebServer.start({ certificate: authority.issue(['127.0.0.1'], -1) });
    try {
      expect(await failure(open().request(wrong.url('/')))).toEqual({
        code: 'ETLS',
        message: `fetching ${wrong.url('/')}: the certificate of the server is for another host`,
      });
      expect(await failure(open().request(expired.url('/')))).toEqual({
        code: 'ETLS',
        message: `fetching ${expired.url('/')}: the certificate of the server is outside of its time of validity`,
      });
    } finally {
      await Promise.all([wrong.close(), expired.close()]);
    }
  });

  test('plain HTTP is refused, unless it is allowed', async () => {
    plain.serve('*/hello', 'hello');
    expect(await failure(open().request(plain.url('/hello')))).toEqual({
      code: 'EINSECURE',
      message: `fetching ${plain.url('/hello')}: plain HTTP is not allowed`,
    });
    expect(plain.take()).toEqual([]);
    const careless = open({ insecure: { http: true, tls: false } });
    expect((await careless.request(plain.url('/hello'))).status).toBe(200);
  });
});

describe('redirects', () => {
  const redirect = (web: WebServer, from: string, to: string, status = 302): void =>
    web.on(`*${from}`, (_, response) => response.writeHead(status, { location: to }).end());

  test('are followed, relative ones too, and the last URL is told', async () => {
    redirect(server, '/a', '/b', 301);
    redirect(server, '/b', other.url('/c'), 307);
    other.serve('*/c', 'found');
    const response = await open().request(server.url('/a'));
    expect([await response.text(10), response.url]).toEqual(['found', other.url('/c')]);
  });

  test('to plain HTTP are refused, unless it is allowed', async () => {
    redirect(server, '/down', plain.url('/hello'));
    plain.serve('*/hello', 'hello');
    expect(await failure(open().request(server.url('/down')))).toEqual({
      code: 'EREDIRECT',
      message: `fetching ${server.url('/down')}: the server redirects to ${plain.url('/hello')}, which is plain HTTP`,
    });
    expect(plain.take()).toEqual([]);
    const careless = open({ insecure: { http: true, tls: false } });
    expect((await careless.request(server.url('/down'))).status).toBe(200);
  });

  test.each([
    ['file:///etc/passwd', 'the server redirects to "file:///etc/passwd", which is not a URL of https'],
    ['', undefined],
  ])('to %j lead nowhere', async (location, reason) => {
    server.on('*/odd', (_, response) => response.writeHead(302, location === '' ? {} : { location }).end());
    expect(await failure(open().request(server.url('/odd')))).toEqual({
      code: 'EREDIRECT',
      message: `fetching ${server.url('/odd')}: ${reason ?? 'the server redirects, but does not say where to'}`,
    });
  });

  test('in a circle end', async () => {
    redirect(server, '/circle', '/circle');
    expect(await failure(open().request(server.url('/circle')))).toEqual({
      code: 'EREDIRECT',
      message: `fetching ${server.url('/circle')}: the server redirects more than 10 times`,
    });
    expect(server.take()).toHaveLength(11);
  });

  test('of a POST become a GET for 303 and stay one for 307', async () => {
    const methods: string[] = [];
    server.on('*/target', (request, response) => {
      methods.push(request.method ?? '');
      response.end();
    });
    for (const status of [303, 307]) {
      redirect(server, '/post', '/target', status);
      await (await open().request(server.url('/post'), { method: 'POST', body: 'x' })).discard();
    }
    expect(methods).toEqual(['GET', 'POST']);
  });
});

describe('credentials', () => {
  const secret = 'Basic c2VjcmV0';
  const seen = (web: WebServer): (string | undefined)[] =>
    web.requests.map(({ headers }) => headers.authorization ?? (headers.cookie as string | undefined));
  /** Credentials for the first server only. */
  const credentials = (): Credentials => ({
    authorization: (host) => (host === `127.0.0.1:${server.port}` ? secret : undefined),
    registry: () => undefined,
  });

  test('go to the host that they are for', async () => {
    server.serve('*/hello', 'hello');
    await (await open({ credentials: credentials() }).request(server.url('/hello'))).discard();
    expect(seen(server)).toEqual([secret]);
  });

  test.each([
    ['of auth.d', {}, true],
    ['of the caller', { Authorization: secret, Cookie: secret }, false],
  ])(
    '%s never reach another host through a redirect, and come back with the way back',
    async (_, headers, configured) => {
      server.on('*/away', (_request, response) => response.writeHead(302, { location: other.url('/there') }).end());
      other.on('*/there', (_request, response) => response.writeHead(302, { location: server.url('/back') }).end());
      server.serve('*/back', 'back');
      const client = open(configured ? { credentials: credentials() } : {});
      await (await client.request(server.url('/away'), { headers })).discard();
      expect(seen(other)).toEqual([undefined]);
      expect(seen(server)).toEqual([secret, configured ? secret : undefined]);
    },
  );

  test('do not go along when https steps down to http', async () => {
    server.on('*/down', (_, response) => response.writeHead(302, { location: plain.url('/there') }).end());
    plain.serve('*/there', 'there');
    const careless = open({
      insecure: { http: true, tls: false },
      credentials: { authorization: () => secret, registry: () => undefined },
    });
    await (await careless.request(server.url('/down'))).discard();
    expect([seen(server), seen(plain)]).toEqual([[secret], [undefined]]);
  });

  test('in a URL are sent as such, and shown to nobody', async () => {
    server.on('*/no', (_, response) => response.writeHead(404).end());
    const url = server.url('/no').replace('https://', 'https://user:p%40ss@');
    expect(await failure(open().download(url, new Collector(), { maxBytes: 10 }))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/no')}: the server answered 404 (not found)`,
    });
    expect(seen(server)).toEqual([`Basic ${Buffer.from('user:p@ss').toString('base64')}`]);
  });
});

describe('downloads', () => {
  const options = { maxBytes: 1_000_000 };

  test('arrive whole, with their progress', async () => {
    server.serve('*/file', content, { etag: '"1"' });
    const told: unknown[] = [];
    let bytes = 0;
    const progress: Progress = {
      begin: (label, total) => {
        told.push(label, total);
        return {
          advance: (count) => {
            bytes += count;
          },
          restart: () => told.push('restart'),
          end: () => told.push('end'),
        };
      },
      interrupt: (write) => write(),
      line: () => {},
    };
    const sink = new Collector();
    const result = await open().download(server.url('/file'), sink, {
      ...options,
      expectedBytes: content.length,
      progress: { to: progress, label: 'Downloading aci' },
    });
    expect(result).toMatchObject({ status: 200, bytes: content.length, url: server.url('/file') });
    expect(sink.bytes.equals(content)).toBe(true);
    expect([told, bytes]).toEqual([['Downloading aci', content.length, 'end'], content.length]);
  });

  test('that break off go on where they were', async () => {
    let times = 0;
    server.on('*/file', (request, response) => {
      if (++times === 1) sendCut(response, content, 100_000, { etag: '"1"' });
      else sendFile(request, response, content, { etag: '"1"' });
    });
    const sink = new Collector();
    await open().download(server.url('/file'), sink, options);
    expect([sink.bytes.equals(content), sink.restarts, times]).toEqual([true, 0, 2]);
    expect(server.requests[1]?.headers).toMatchObject({
      range: expect.stringMatching(/^bytes=[1-9][0-9]*-$/),
      'if-range': '"1"',
    });
    expect(warnings[0]).toMatch(/: the connection broke off after [0-9]+ bytes; trying again in /);
  });

  test('that break off when what lets them in has run out are let in again, and go on', async () => {
    const cuts = [100_000, 200_000];
    server.on('*/file', (request, response) => {
      const pass = request.headers.authorization;
      if (pass !== `Bearer ${cuts.length}`) return void response.writeHead(401, { 'www-authenticate': 'x' }).end();
      const cut = cuts.shift();
      if (cut === undefined) return sendFile(request, response, content, { etag: '"1"' });
      const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range = { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` };
      const size = { 'content-length': content.length - start, etag: '"1"' };
      response.writeHead(start === 0 ? 200 : 206, start === 0 ? size : { ...size, ...range });
      response.write(content.subarray(start, cut), () => response.socket?.destroy());
    });
    let pass = 3;
    const refusals: unknown[] = [];
    const access: Access = {
      get headers() {
        return { authorization: `Bearer ${pass}` };
      },
      answer: async ({ url, headers }) => {
        pass -= 1;
        refusals.push([url, headers['www-authenticate']]);
      },
    };
    const sink = new Collector();
    await open().download(server.url('/file'), sink, { ...options, access });
    expect([sink.bytes.equals(content), sink.restarts]).toEqual([true, 0]);
    expect(refusals).toEqual(Array(3).fill([server.url('/file'), 'x']));
  });

  test('that are never let in end', async () => {
    server.on('*/file', (_, response) => void response.writeHead(401).end());
    let answers = 0;
    const access: Access = {
      headers: {},
      answer: async () => {
        answers += 1;
      },
    };
    expect(await failure(open().download(server.url('/file'), new Collector(), { ...options, access }))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/file')}: the server answered 401 (unauthorized)`,
    });
    expect(answers).toBe(1);
  });

  test('of a file that changed in between start again', async () => {
    const changed = Buffer.alloc(200_000, 'another file ');
    let times = 0;
    server.on('*/file', (request, response) => {
      if (++times === 1) sendCut(response, content, 100_000, { etag: '"1"' });
      else sendFile(request, response, changed, { etag: '"2"' });
    });
    const sink = new Collector();
    await open().download(server.url('/file'), sink, options);
    expect([sink.bytes.equals(changed), sink.restarts]).toEqual([true, 1]);
  });

  test.each([
    ['ignores If-Range', { etag: '"2"' }, 300_000],
    ['tells another size', { etag: '"1"' }, 299_999],
  ])('are not put together from two files, though the server %s', async (_, headers, size) => {
    const changed = Buffer.alloc(size, 'another file ');
    let times = 0;
    server.on('*/file', (request, response) => {
      if (++times === 1) return sendCut(response, content, 100_000, { etag: '"1"' });
      const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? -1);
      if (start < 0) return sendFile(request, response, changed, headers);
      const range = `bytes ${start}-${size - 1}/${size}`;
      response.writeHead(206, { ...headers, 'content-range': range }).end(changed.subarray(start));
    });
    const sink = new Collector();
    await open().download(server.url('/file'), sink, options);
    expect([sink.bytes.equals(changed), sink.restarts, times]).toEqual([true, 1, 3]);
  });

  test.each([
    ['nothing to know the file by', {}],
    ['a weak ETag', { etag: 'W/"1"' }],
  ])('with %s start again', async (_, headers) => {
    let times = 0;
    server.on('*/file', (request, response) => {
      if (++times === 1) sendCut(response, content, 100_000, headers);
      else sendFile(request, response, content, headers);
    });
    const sink = new Collector();
    await open().download(server.url('/file'), sink, options);
    expect([sink.bytes.equals(content), sink.restarts]).toEqual([true, 1]);
    expect(server.requests[1]?.headers.range).toBe(undefined);
  });

  test('that never get further end', async () => {
    server.on('*/file', (_, response) => sendCut(response, content, 1000, { etag: '"1"' }));
    expect(await failure(open().download(server.url('/file'), new Collector(), options))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/file')}: the connection broke off`,
    });
    expect(server.take()).toHaveLength(1 + retries.attempts);
  });

  test('that get further every time go on', async () => {
    const step = 30_000;
    server.on('*/file', (request, response) => {
      const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const range = `bytes ${start}-${content.length - 1}/${content.length}`;
      const length = content.length - start;
      response.writeHead(start === 0 ? 200 : 206, {
        etag: '"1"',
        'content-length': length,
        ...(start === 0 ? {} : { 'content-range': range }),
      });
      response.write(content.subarray(start, start + step), () => {
        if (length > step) response.socket?.destroy();
        else response.end();
      });
    });
    const sink = new Collector();
    await open().download(server.url('/file'), sink, options);
    expect(sink.bytes.equals(content)).toBe(true);
    expect(server.take().length).toBeGreaterThan(1 + retries.attempts);
  });

  test('of another length than expected are refused: announced, longer, shorter', async () => {
    const expected = { ...options, expectedBytes: 1000 };
    const url = server.url('/file');
    server.serve('*/file', content);
    expect(await failure(open().download(url, new Collector(), expected))).toEqual({
      code: 'ELENGTH',
      message: `fetching ${url}: the server sent 300000 bytes, 1000 were expected`,
    });
    server.on('*/file', (_, response) => {
      response.flushHeaders();
      response.end(content);
    });
    expect(await failure(open().download(url, new Collector(), expected))).toEqual({
      code: 'ELENGTH',
      message: `fetching ${url}: the server sent more than the 1000 bytes expected`,
    });
    server.on('*/file', (_, response) => {
      response.flushHeaders();
      response.end('short');
    });
    expect(await failure(open().download(url, new Collector(), expected))).toEqual({
      code: 'ELENGTH',
      message: `fetching ${url}: the server sent 5 bytes, 1000 were expected`,
    });
  });

  test('larger than allowed are refused before and while they come', async () => {
    const url = server.url('/file');
    const sink = new Collector();
    const message = `fetching ${url}: the answer has more than 1000 bytes`;
    server.serve('*/file', content);
    expect(await failure(open().download(url, sink, { maxBytes: 1000 }))).toEqual({ code: 'ETOOBIG', message });
    server.on('*/file', (_, response) => {
      response.flushHeaders();
      response.end(content);
    });
    expect(await failure(open().download(url, sink, { maxBytes: 1000 }))).toEqual({ code: 'ETOOBIG', message });
    expect(sink.bytes.length).toBeLessThanOrEqual(1000);
  });

  test('answers that the caller deals with are given back, others thrown', async () => {
    server.serve('*/file', content, { etag: '"1"' });
    const headers = { 'if-none-match': '"1"' };
    const sink = new Collector();
    const accepting = { ...options, headers, accept: (status: number) => status === 304 };
    expect(await open().download(server.url('/file'), sink, accepting)).toMatchObject({ status: 304, bytes: 0 });
    expect(await failure(open().download(server.url('/file'), sink, { ...options, headers }))).toEqual({
      code: 'EHTTP',
      message: `fetching ${server.url('/file')}: the server answered 304`,
    });
    expect(sink.bytes).toHaveLength(0);
  });

  test('end with what the sink throws', async () => {
    server.serve('*/file', content);
    const full: Sink = {
      write: () => {
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      },
      restart: () => {},
    };
    await expect(open().download(server.url('/file'), full, options)).rejects.toThrow('no space');
    expect(server.take()).toHaveLength(1);
  });
});

describe('proxies', () => {
  let proxy: Server;
  let seen: string[];

  beforeEach(async () => {
    seen = [];
    proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end('by proxy');
    });
    proxy.on('connect', (request, client: Socket, head: Buffer) => {
      seen.push(`${request.method} ${request.url}`);
      const upstream = connect(Number(request.url?.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.write(head);
        upstream.pipe(client).pipe(upstream);
      });
      for (const socket of [client, upstream]) socket.on('error', () => {});
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    server.serve('*/hello', 'hello');
    plain.serve('*/hello', 'hello');
  });

  afterEach(async () => {
    const closed = once(proxy, 'close');
    proxy.close();
    proxy.closeAllConnections();
    await closed;
  });

  const proxyUrl = (): string => `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const environment = (variables: Record<string, string>) => ({
    env: { SSL_CERT_FILE: authority.file, ...variables },
    insecure: { http: true, tls: false },
  });

  test('of the environment carry https through a tunnel in which the certificate is verified', async () => {
    const client = open(environment({ HTTPS_PROXY: `me:secret@${proxyUrl()}` }));
    expect(await (await client.request(server.url('/hello', 'proxied.test'))).text(10)).toBe('hello');
    expect(seen).toEqual([`CONNECT proxied.test:${server.port}`]);
    const wrong = server.url('/hello', 'example.com');
    expect(await failure(client.request(wrong))).toEqual({
      code: 'ETLS',
      message: `fetching ${wrong} by the proxy ${proxyUrl()}: the certificate of the server is for another host`,
    });
  });

  test('of http are not those of https', async () => {
    const client = open(environment({ http_proxy: `http://${proxyUrl()}` }));
    await (await client.request(server.url('/hello'))).discard();
    expect(seen).toEqual([]);
    expect((await client.request(plain.url('/hello', 'proxied.test'))).status).toBe(200);
    expect(seen).toEqual([`GET ${plain.url('/hello', 'proxied.test')}`]);
  });

  test('are not asked for the loopback, where they would find their own', async () => {
    const client = open(environment({ HTTPS_PROXY: proxyUrl(), HTTP_PROXY: proxyUrl() }));
    await (await client.request(server.url('/hello'))).discard();
    await (await client.request(plain.url('/hello', 'localhost'))).discard();
    expect(seen).toEqual([]);
  });

  test('that refuse, or are not there, are named', async () => {
    proxy.removeAllListeners('connect');
    proxy.on('connect', (_, client: Socket) => client.end('HTTP/1.1 407 No\r\n\r\n'));
    const url = server.url('/hello', 'proxied.test');
    expect(await failure(open(environment({ HTTPS_PROXY: `me:secret@${proxyUrl()}` })).request(url))).toEqual({
      code: 'EHTTP',
      message: `fetching ${url} by the proxy ${proxyUrl()}: the proxy answered 407 (proxy authentication required)`,
    });
    expect(await failure(open(environment({ HTTPS_PROXY: '127.0.0.1:1' })).request(url))).toEqual({
      code: 'EHTTP',
      message: `fetching ${url} by the proxy 127.0.0.1:1: the connection was refused`,
    });
  });

  test('that are none are named', () => {
    expect(() => open({ env: { https_proxy: 'socks5://host:1' } })).toThrow(
      'environment variable https_proxy: "socks5://host:1" is not the URL of an HTTP proxy',
    );
    expect(() => open({ env: { HTTP_PROXY: 'socks5://me:secret@host:1' } })).toThrow(
      'environment variable HTTP_PROXY: "socks5://host:1" is not the URL of an HTTP proxy',
    );
  });

  test('need no scheme', async () => {
    const host = proxyUrl().replace('127.0.0.1', 'localhost');
    await (await open(environment({ http_proxy: host })).request(plain.url('/hello', 'proxied.test'))).discard();
    expect(seen).toHaveLength(1);
  });
});
