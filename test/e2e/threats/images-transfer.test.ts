/**
 * A hostile or broken network, against `rkt fetch`: short answers, a file that changes under a resumed download, wrong lengths, a
 * redirect to plain HTTP, a server that hangs up, 5xx and then success. Detected, retried where that is safe, with a clear
 * message, and a store as before.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { FetchHost, type Outcome } from '../../support/fetch-host.ts';
import { sendCut, sendFile } from '../../support/web-server.ts';

const name = 'example.com/app';
const file = 'example.com/app.aci';
const url = `https://${file}`;

let host: FetchHost;
let key: string;
let image: Buffer;
let newer: Buffer;

/** Publishes an image as it should be. */
function publish(bytes: Buffer): void {
  host.web.serve(file, bytes, { etag: `"${createHash('sha256').update(bytes).digest('hex')}"` });
  host.web.serve(`${file}.asc`, host.gpg.sign(bytes, { by: [key] }));
}

beforeAll(async () => {
  host = await FetchHost.create('example.com', 'evil.example.com');
  key = host.gpg.generate('Carly Container <carly@example.com>');
  image = await host.image({ name, exec: ['/bin/echo', 'old'] });
  newer = await host.image({ name, exec: ['/bin/echo', 'new'] });
});

beforeEach(async () => {
  await host.trust(name, key);
  publish(image);
});

afterEach(() => {
  expect(host.stored().unfinished).toEqual([]);
  host.reset();
});

afterAll(() => host.close());

/** The last line of a `rkt fetch` that must fail and store nothing. */
async function refusal(args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { status, stdout, stderr } = await host.rkt([...args, 'fetch', url], { env });
  expect([status, stdout]).toEqual([254, '']);
  expect(host.stored().ids).toEqual([]);
  expect(host.stored().parts).toEqual({ blobs: 0, trees: 0, signatures: 0 });
  return stderr.slice(`rkt: fetching image from ${url}\n`.length);
}

/** The image that came is the one that was published. */
async function arrives(output: string): Promise<Outcome> {
  const result = await host.rkt(['fetch', url]);
  expect(result).toMatchObject({ status: 0, stdout: expect.stringMatching(/^sha512-/) });
  expect((await host.rkt(['run', '--pull-policy=never', name])).stdout).toBe(output);
  return result;
}

describe('survived', () => {
  test('a connection that breaks off in the middle', async () => {
    let times = 0;
    host.web.on(file, (request, response) => {
      if (++times <= 2) sendCut(response, image, 200_000 * times, { etag: '"1"' });
      else sendFile(request, response, image, { etag: '"1"' });
    });
    const { stderr } = await arrives('old\n');
    expect(stderr).toMatch(/rkt: warning: fetching \S+: the connection broke off after [0-9]+ bytes; trying again in/);
    expect(times).toBe(3);
  });

  test('a file that changes under a resumed download: all of the new one arrives', async () => {
    let times = 0;
    publish(newer);
    host.web.on(file, (request, response) => {
      if (++times === 1) sendCut(response, image, 200_000, { etag: '"1"' });
      else sendFile(request, response, newer, { etag: '"2"' });
    });
    await arrives('new\n');
    expect(times).toBe(2);
  });

  test.each([500, 503, 429])('%i and then success', async (status) => {
    let times = 0;
    host.web.on(file, (request, response) => {
      if (++times <= 2) response.writeHead(status, { 'retry-after': '0' }).end();
      else sendFile(request, response, image);
    });
    const { stderr } = await arrives('old\n');
    expect(stderr.match(/rkt: warning: .*trying again in/g)).toHaveLength(2);
  });
});

describe('refused', () => {
  test('a server that claims a resumed file is the same when it is not: the signature tells', async () => {
    let times = 0;
    host.web.on(file, (request, response) => {
      if (++times === 1) return sendCut(response, image, 200_000, { etag: '"1"' });
      const start = Number(/^bytes=([0-9]+)-$/.exec(request.headers.range ?? '')?.[1]);
      const range = `bytes ${start}-${image.length - 1}/${image.length}`;
      const forged = Buffer.concat([image, newer])
        .subarray(start, image.length)
        .map((byte) => byte ^ 1);
      response.writeHead(206, { etag: '"1"', 'content-range': range }).end(forged);
    });
    expect(await refusal()).toContain(
      'rkt: image "example.com/app": the signature is wrong: it was made over other bytes\n',
    );
  });

  test('an answer that ends early without having said how long it is', async () => {
    host.web.on(file, (_, response) => {
      response.flushHeaders();
      response.end(image.subarray(0, 200_000));
    });
    expect(await refusal()).toContain(
      'rkt: image "example.com/app": the signature is wrong: it was made over other bytes\n',
    );
  });

  test('a redirect to plain HTTP', async () => {
    host.web.on(file, (_, response) => response.writeHead(301, { location: `http://${file}` }).end());
    host.plain.serve(file, image);
    expect(await refusal()).toBe(
      `rkt: fetching ${url}: the server redirects to http://${file}, which is plain HTTP\n` +
        'rkt: whoever runs the server has to change that; --insecure-options=http switches the check off\n',
    );
    expect(host.plain.take()).toEqual([]);
    const { stderr, status } = await host.rkt(['--insecure-options=http', 'fetch', url]);
    expect(status).toBe(0);
    expect(stderr).toContain('rkt: warning: plain HTTP has been allowed\n');
    expect(stderr).toContain('rkt: signature verified:\n');
  });

  test('plain HTTP', async () => {
    host.plain.serve(file, image);
    const { status, stderr } = await host.rkt(['fetch', `http://${file}`]);
    expect([status, stderr]).toEqual([
      254,
      `rkt: fetching image from http://${file}\nrkt: fetching http://${file}: plain HTTP is not allowed\n` +
        'rkt: use https, or switch the check off: --insecure-options=http\n',
    ]);
    expect(host.plain.take()).toEqual([]);
  });

  test('redirects without an end', async () => {
    host.web.on(file, (_, response) => response.writeHead(302, { location: url }).end());
    expect(await refusal()).toBe(`rkt: fetching ${url}: the server redirects more than 10 times\n`);
  });

  test('a server whose certificate nobody vouches for; only the option that says so switches that off', async () => {
    const strange = { SSL_CERT_FILE: '/etc/ssl/certs/ca-certificates.crt', NODE_EXTRA_CA_CERTS: '' };
    const reason = 'the certificate of the server is not signed by an authority that this system trusts';
    expect(await refusal([], strange)).toContain(`rkt: fetching ${url}: ${reason}\n`);
    const { status, stdout } = await host.rkt(['-insecure-skip-verify', 'fetch', url], { env: strange });
    expect([status, stdout]).toEqual([254, '']);
    const careless = await host.rkt(['--insecure-options=tls', 'fetch', url], { env: strange });
    expect(careless.status).toBe(0);
    expect(careless.stderr).toContain('rkt: warning: TLS certificate verification has been disabled\n');
    expect(careless.stderr).toContain('rkt: signature verified:\n');
  });

  test('a server that never gets its answer out', async () => {
    host.web.on(file, (_, response) => sendCut(response, image, 1000, { etag: '"1"' }));
    expect(await refusal()).toMatch(new RegExp(`\nrkt: fetching ${url}: the connection broke off\n$`));
    expect(host.web.take()).toHaveLength(5);
  }, 30_000);

  test('more than fits on the disk, before any of it is read', async () => {
    host.web.on(file, (_, response) => {
      response.writeHead(200, { 'content-length': '999999999999999' });
      response.write('x');
    });
    expect(await refusal()).toMatch(new RegExp(`^rkt: fetching ${url}: the answer has more than [0-9]+ bytes\n$`));
  });

  test('credentials are not given to the host that a redirect names', async () => {
    mkdirSync(host.path('etc/auth.d'), { recursive: true });
    const auth = { rktKind: 'auth', rktVersion: 'v1', domains: ['example.com'], type: 'oauth' };
    writeFileSync(host.path('etc/auth.d/a.json'), JSON.stringify({ ...auth, credentials: { token: 'secret' } }), {
      mode: 0o600,
    });
    for (const target of [file, `${file}.asc`]) {
      host.web.on(target, (_, response) => response.writeHead(302, { location: 'https://evil.example.com/x' }).end());
    }
    await refusal();
    const asked = host.web.requests.map(({ target, headers }) => [target, headers.authorization]);
    expect(asked).toEqual([
      [file, 'Bearer secret'],
      ['evil.example.com/x', undefined],
    ]);
  });

  test('a page of discovery that is too large, or hangs up', async () => {
    host.web.on(name, (_, response) => response.end(Buffer.alloc(2_000_000, '<meta name="ac-discovery" ')));
    const large = await host.rkt(['fetch', name]);
    expect([large.status, large.stderr.split('\n').at(-2)]).toEqual([
      254,
      `rkt: image ${name}: discovery failed: fetching https://${name}?ac-discovery=1: the answer has more than 1048576 bytes`,
    ]);
    host.web.on(name, (_, response) => response.socket?.destroy());
    expect((await host.rkt(['fetch', name])).stderr).toContain(
      `rkt: image ${name}: discovery failed: fetching https://${name}?ac-discovery=1: the connection broke off\n`,
    );
  }, 30_000);
});
