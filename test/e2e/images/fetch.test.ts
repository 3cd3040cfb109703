/** `rkt fetch` and `rkt run` of images from a web server, as their users know them. */

import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { bar, FetchHost } from '../../support/fetch-host.ts';
import { rktPath } from '../../support/sandbox.ts';
import { sendCut, sendFile } from '../../support/web-server.ts';

const identity = 'Carly Container <carly@example.com>';
const arch = process.arch === 'x64' ? 'amd64' : 'aarch64';
const name = 'example.com/app';
const file = `example.com/images/app-1.0.0-linux-${arch}.aci`;
const url = `https://${file}`;

let host: FetchHost;
let key: string;
let image: Buffer;
let signature: Buffer;

/** Publishes the image, its signature and the way to both. */
function publish(headers: Readonly<Record<string, string>> = {}): void {
  const template = 'https://example.com/images/app-{version}-{os}-{arch}.{ext}';
  host.web.serve('example.com', `<meta name="ac-discovery" content="example.com/app ${template}">`);
  host.web.serve('example.com/', `<meta name="ac-discovery" content="example.com/app ${template}">`);
  host.web.serve(file, image, headers);
  host.web.serve(`${file}.asc`, signature);
}

const aci = (): string[] => host.web.take().filter((target) => target === file);

beforeAll(async () => {
  host = await FetchHost.create('example.com', 'other.example.com');
  key = host.gpg.generate(identity);
  image = await host.image({ name, exec: ['/bin/echo', 'from the web'] });
  signature = host.gpg.sign(image, { by: [key] });
});

beforeEach(() => publish());

afterEach(async () => {
  expect(host.stored().unfinished).toEqual([]);
  await host.rkt(['gc', '--grace-period=0s']);
  expect(host.sandbox.leftovers()).toEqual([]);
  host.reset();
});

afterAll(() => host.close());

const shortId = /^sha512-[0-9a-f]{32}\n$/;

describe('output', () => {
  test('by name, with a trusted key', async () => {
    await host.trust(name, key);
    const { status, stdout, stderr } = await host.rkt(['fetch', `${name}:1.0.0`]);
    expect(stderr).toBe(
      [
        `rkt: searching for app image ${name}:1.0.0`,
        `rkt: fetching image from ${url}`,
        bar,
        `Downloading signature from ${url}.asc`,
        'rkt: signature verified:',
        `  ${identity}`,
        '',
      ].join('\n'),
    );
    expect([status, stdout]).toEqual([0, expect.stringMatching(shortId)]);
    expect(host.web.take()).toEqual([`${name}?ac-discovery=1`, 'example.com/?ac-discovery=1', file, `${file}.asc`]);
  });

  test('by name, without a trusted key: stored, said to be unverified, not run until the key is trusted', async () => {
    const { status, stdout, stderr } = await host.rkt(['fetch', `${name}:1.0.0`]);
    const [searching, fetching, download, sign, again, warning, hint] = stderr.split('\n');
    expect([searching, fetching, download, sign, again]).toEqual([
      `rkt: searching for app image ${name}:1.0.0`,
      `rkt: fetching image from ${url}`,
      bar,
      `Downloading signature from ${url}.asc`,
      `rkt: fetching image from ${url}`,
    ]);
    expect(warning).toBe(
      `rkt: warning: image ${url} is not verified: no key that signed it is trusted; it is stored, but will not be run`,
    );
    expect(hint).toContain('rkt trust --prefix');
    expect([status, stdout]).toEqual([0, expect.stringMatching(shortId)]);
    // Nothing of it is extracted.
    expect(host.stored().parts).toEqual({ blobs: 1, trees: 0, signatures: 1 });

    const refused = await host.rkt(['run', name]);
    expect([refused.status, refused.stdout]).toEqual([254, '']);
    expect(refused.stderr).toBe(
      `rkt: image ${name} (${stdout.trim()}) is not verified: no key that signed it is trusted\n${hint}\n`,
    );
    const careless = await host.rkt(['--insecure-options=image', 'run', name]);
    expect([careless.status, careless.stdout]).toEqual([0, 'from the web\n']);

    await host.trust(name, key);
    const run = await host.rkt(['run', name]);
    expect(run).toEqual({ status: 0, stdout: 'from the web\n', stderr: `rkt: signature verified:\n  ${identity}\n` });
    // It is remembered.
    expect((await host.rkt(['run', name])).stderr).toBe('');
    expect(host.stored().parts).toEqual({ blobs: 1, trees: 1, signatures: 1 });
  });

  test('fetching again an image that nobody could judge judges it again', async () => {
    publish({ etag: '"1"' });
    const first = await host.rkt(['fetch', url]);
    const again = await host.rkt(['fetch', url]);
    const [fetching, ...rest] = again.stderr.split('\n');
    expect([again.status, again.stdout, fetching]).toEqual([0, first.stdout, `rkt: fetching image from ${url}`]);
    expect(rest).toEqual(first.stderr.split('\n').slice(4));
    await host.trust(name, key);
    expect(await host.rkt(['fetch', url])).toEqual({
      status: 0,
      stdout: first.stdout,
      stderr: `rkt: fetching image from ${url}\nrkt: signature verified:\n  ${identity}\n`,
    });
    expect(aci()).toHaveLength(3);
  });

  test('by URL', async () => {
    await host.trust(name, key);
    const { status, stdout, stderr } = await host.rkt(['fetch', '--full', url]);
    expect(stderr).toBe(
      [
        `rkt: fetching image from ${url}`,
        bar,
        `Downloading signature from ${url}.asc`,
        'rkt: signature verified:',
        `  ${identity}`,
        '',
      ].join('\n'),
    );
    expect([status, stdout]).toEqual([0, `${host.stored().ids[0]}\n`]);
  });

  test('does not show the password of a URL', async () => {
    const secret = url.replace('https://', 'https://me:secret%21@');
    for (const args of [['fetch'], ['fetch'], ['fetch', '--pull-policy=never'], ['run', '--pull-policy=never']]) {
      expect((await host.rkt([...args, secret])).stderr).not.toContain('secret');
    }
    expect(host.web.requests.map(({ headers }) => headers.authorization)).toEqual(
      Array(4).fill(`Basic ${Buffer.from('me:secret!').toString('base64')}`),
    );
  });

  test('with verification switched off', async () => {
    const { status, stdout, stderr } = await host.rkt(['-insecure-skip-verify', 'run', `${name}:1.0.0`]);
    expect(stderr).toBe(
      [
        `rkt: searching for app image ${name}:1.0.0`,
        `rkt: fetching image from ${url}`,
        'rkt: warning: signature verification has been disabled',
        bar,
        '',
      ].join('\n'),
    );
    expect([status, stdout]).toEqual([0, 'from the web\n']);
    expect(host.web.take()).not.toContain(`${file}.asc`);
  });
});

describe('signatures', () => {
  test('of a local file lie beside it, or where the user says', async () => {
    await host.trust(name, key);
    const [local, elsewhere] = [host.path('local.aci'), host.path('elsewhere.sig')];
    writeFileSync(local, image);
    writeFileSync(elsewhere, signature);
    const verified = { status: 0, stdout: expect.stringMatching(shortId) };
    const lines = `rkt: fetching image from ${local}\nrkt: signature verified:\n  ${identity}\n`;
    expect(await host.rkt(['fetch', local, `--signature=${elsewhere}`])).toEqual({ ...verified, stderr: lines });
    writeFileSync(`${local}.asc`, signature);
    expect(await host.rkt(['fetch', local])).toEqual({ ...verified, stderr: lines });
    expect(await host.rkt(['run', local])).toEqual({ status: 0, stdout: 'from the web\n', stderr: lines });
  });

  test('of an image that is in the store already are not read, which is said', async () => {
    await host.trust(name, key);
    await host.rkt(['fetch', url]);
    const { status, stderr } = await host.rkt(['run', name, '--signature=/nowhere.asc']);
    expect([status, stderr]).toEqual([
      0,
      `rkt: warning: image ${name} was not verified by --signature=/nowhere.asc: only archives that are fetched now are\n`,
    ]);
  });

  test('in a file that is not there', async () => {
    const { status, stderr } = await host.rkt(['fetch', url, '--signature=/nowhere.asc']);
    expect([status, stderr.split('\n')[2]]).toEqual([
      254,
      `rkt: image ${url}: its signature cannot be verified: cannot read /nowhere.asc: there is no such file`,
    ]);
    expect(host.stored().parts).toEqual({ blobs: 0, trees: 0, signatures: 0 });
  });

  test('that the server makes only now (202) are waited for', async () => {
    await host.trust(name, key);
    let times = 0;
    host.web.on(`${file}.asc`, (request, response) => {
      if (++times < 3) response.writeHead(202, { 'retry-after': '0' }).end();
      else sendFile(request, response, signature);
    });
    const { status, stderr } = await host.rkt(['fetch', url]);
    expect([status, times]).toEqual([0, 3]);
    expect(stderr).toContain('rkt: the server has deferred the signature; asking again\n');
    expect(stderr).toContain('rkt: signature verified:\n');
  });
});

describe('--trust-keys-from-https', () => {
  const keyUrl = 'https://example.com/pubkeys.gpg';
  const keyFile = (): string => host.path(`etc/trustedkeys/prefix.d/${name}/${key}`);
  const trusting = (...options: string[]) => ['--trust-keys-from-https', ...options, 'fetch', `${name}:1.0.0`];

  beforeEach(() => {
    const template = 'https://example.com/images/app-{version}-{os}-{arch}.{ext}';
    const tags = [`ac-discovery" content="${name} ${template}`, `ac-discovery-pubkeys" content="${name} ${keyUrl}`];
    host.web.serve('example.com/app', tags.map((tag) => `<meta name="${tag}">`).join(''));
    host.web.serve('example.com/pubkeys.gpg', host.gpg.export(key));
  });

  test('trusts the keys of a publisher about whom nothing was decided, and says so', async () => {
    const { status, stderr } = await host.rkt(trusting());
    const fingerprint = /^GPG key fingerprint is: [0-9A-F ]{50,}$/;
    expect([status, stderr.split('\n')]).toEqual([
      0,
      [
        `rkt: searching for app image ${name}:1.0.0`,
        `Prefix: "${name}"`,
        `Key: "${keyUrl}"`,
        expect.stringMatching(fingerprint),
        `  ${identity}`,
        `Trusting "${keyUrl}" for prefix "${name}".`,
        `Added key for prefix "${name}" at "${keyFile()}"`,
        `rkt: fetching image from ${url}`,
        bar,
        `Downloading signature from ${url}.asc`,
        'rkt: signature verified:',
        `  ${identity}`,
        '',
      ],
    ]);
    host.web.take();
    await host.rkt(trusting());
    expect(host.web.take().some((target) => target.includes('pubkeys'))).toBe(false);
  });

  test('trusts nobody whose key was disabled', async () => {
    mkdirSync(dirname(keyFile()), { recursive: true });
    writeFileSync(keyFile(), '');
    const { status, stderr } = await host.rkt(trusting());
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining(' is not verified: no key that signed it is trusted'),
    ]);
    expect(readFileSync(keyFile(), 'utf8')).toBe('');
  });

  test('trusts no connection without a certificate, unless that is switched off for keys too', async () => {
    const unknown = { env: { SSL_CERT_FILE: '' } };
    const { stderr } = await host.rkt(trusting('--insecure-options=tls'), unknown);
    expect(stderr).toContain(
      `rkt: warning: no key of the publisher of ${name} is trusted: fetching https://${name}?ac-discovery=1: the certificate of the server is not signed by an authority that this system trusts\n`,
    );
    expect(existsSync(keyFile())).toBe(false);
    const careless = await host.rkt(trusting('--insecure-options=tls,pubkey'), unknown);
    expect(careless.stderr).toContain('signature verified');
  });

  test('a publisher without keys is no failure', async () => {
    host.web.serve('example.com/pubkeys.gpg', 'no key');
    const { status, stderr } = await host.rkt(trusting());
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining(
        `rkt: warning: no key of the publisher of ${name} is trusted: key "${keyUrl}": it holds no OpenPGP public key\n`,
      ),
    ]);
  });
});

describe('what is stored', () => {
  beforeEach(() => host.trust(name, key));

  test('is not fetched again by run, and not looked for with --pull-policy=never', async () => {
    expect(await host.rkt(['run', '--pull-policy=never', name])).toEqual({
      status: 254,
      stdout: '',
      stderr: `rkt: image ${name} is not in the store\nrkt: with --pull-policy=never it is not fetched\n`,
    });
    expect(host.web.take()).toEqual([]);
    await host.rkt(['fetch', `${name}:1.0.0`]);
    host.web.take();
    for (const [image, policy] of [
      [name, 'never'],
      [name, 'new'],
      [url, 'never'],
      [url, 'new'],
    ]) {
      const result = await host.rkt(['run', `--pull-policy=${policy}`, image as string]);
      expect(result).toEqual({ status: 0, stdout: 'from the web\n', stderr: '' });
    }
    expect(host.web.take()).toEqual([]);
  });

  test('is forgotten with its URL when it is removed', async () => {
    await host.trust(name, key);
    const remotes = (): number => readdirSync(host.path('data/images/remotes')).length;
    await host.rkt(['fetch', url]);
    expect(remotes()).toBe(1);
    expect((await host.rkt(['image', 'rm', url])).status).toBe(0);
    expect(remotes()).toBe(0);
  });

  test('is asked for by its ETag', async () => {
    publish({ etag: '"1"' });
    const first = await host.rkt(['fetch', url]);
    host.web.take();
    host.web.requests.splice(0);
    const again = await host.rkt(['fetch', url]);
    expect(again).toEqual({ status: 0, stdout: first.stdout, stderr: `rkt: fetching image from ${url}\n` });
    expect(host.web.requests.map(({ target, headers }) => [target, headers['if-none-match']])).toEqual([[file, '"1"']]);
  });

  test('is not asked for as long as the server said', async () => {
    publish({ etag: '"1"', 'cache-control': 'max-age=3600' });
    await host.rkt(['fetch', url]);
    expect(aci()).toHaveLength(1);
    expect((await host.rkt(['fetch', url])).status).toBe(0);
    expect(aci()).toHaveLength(0);
  });

  test('is replaced by what is new', async () => {
    publish({ etag: '"1"' });
    const first = await host.rkt(['fetch', url]);
    const newer = await host.image({ name, exec: ['/bin/echo', 'newer'] });
    host.web.serve(file, newer, { etag: '"2"' });
    host.web.serve(`${file}.asc`, host.gpg.sign(newer, { by: [key] }));
    const second = await host.rkt(['fetch', url]);
    expect(second.stdout).not.toBe(first.stdout);
    expect((await host.rkt(['run', url])).stdout).toBe('newer\n');
  });

  test('unchecked is fetched again where it is to be verified', async () => {
    publish({ etag: '"1"' });
    await host.rkt(['-insecure-skip-verify', 'fetch', url]);
    expect((await host.rkt(['fetch', url])).stderr).toContain('rkt: signature verified:\n');
  });

  test('damaged is fetched again', async () => {
    publish({ etag: '"1"' });
    const { stdout } = await host.rkt(['fetch', url]);
    host.sandbox.exec(['sh', '-c', `rm ${host.sandbox.dataDir}/images/blobs/*`]);
    expect(await host.rkt(['fetch', url])).toMatchObject({ status: 0, stdout });
    expect(host.stored().parts).toEqual({ blobs: 1, trees: 1, signatures: 1 });
  });

  test('by two at once is downloaded once', async () => {
    // The answer is held back until the other one says that it waits.
    let release = (): void => {};
    const waits = new Promise<void>((resolve) => {
      release = resolve;
    });
    host.web.on(
      file,
      (request, response) => void waits.then(() => sendFile(request, response, image, { etag: '"1"' })),
    );
    const both = [0, 1].map(() => {
      const running = host.sandbox.start([`--local-config=${host.path('etc')}`, 'fetch', url], host.environment);
      running.child.stderr?.on('data', () => {
        if (running.stderr.includes(`rkt: waiting for another rkt that is fetching ${url}\n`)) release();
      });
      return running;
    });
    const ends = await Promise.all(both.map(({ ended }) => ended));
    expect(ends.map(({ status }) => status)).toEqual([0, 0]);
    expect(both[0]?.stdout).toMatch(shortId);
    expect(both[1]?.stdout).toBe(both[0]?.stdout);
    expect(aci()).toHaveLength(1);
  });
});

describe('credentials of auth.d', () => {
  test('are sent to their host, for image and signature, and to no other', async () => {
    await host.trust(name, key);
    const dir = host.path('etc/auth.d');
    host.sandbox.exec(['mkdir', '-p', dir]);
    const fields = { rktKind: 'auth', rktVersion: 'v1', domains: ['example.com'], type: 'basic' };
    const text = JSON.stringify({ ...fields, credentials: { user: 'foo', password: 'bar' } });
    writeFileSync(join(dir, 'example.json'), text, { mode: 0o600 });
    host.web.on(file, (request, response) => {
      if (request.headers.authorization !== 'Basic Zm9vOmJhcg==') response.writeHead(401).end();
      else response.writeHead(302, { location: 'https://other.example.com/blob' }).end();
    });
    host.web.serve('other.example.com/blob', image);
    expect(await host.rkt(['fetch', url])).toMatchObject({ status: 0 });
    const sent = host.web.requests.map(({ target, headers }) => [target, headers.authorization]);
    expect(sent).toEqual([
      [file, 'Basic Zm9vOmJhcg=='],
      ['other.example.com/blob', undefined],
      [`${file}.asc`, 'Basic Zm9vOmJhcg=='],
    ]);
  });

  test('that are wrong are named', async () => {
    const { status, stderr } = await host.rkt(['fetch', 'https://example.com/private.aci']);
    expect([status, stderr]).toEqual([
      254,
      'rkt: fetching image from https://example.com/private.aci\n' +
        'rkt: fetching https://example.com/private.aci: the server answered 404 (not found)\n',
    ]);
  });
});

describe('dependencies', () => {
  const dependency = (imageName: string, more: object = {}): object => ({ imageName, ...more });

  /** Publishes unsigned images by name, with a page each. */
  async function offer(images: Readonly<Record<string, { dependencies?: object[]; prepare?: (dir: string) => void }>>) {
    for (const [image, { dependencies = [], prepare }] of Object.entries(images)) {
      const exec = ['/bin/cat', '/base', '/middle'];
      const bytes = await host.image(
        { name: image, exec, ...(prepare === undefined ? {} : { prepare }) },
        { dependencies },
      );
      host.web.serve(image, `<meta name="ac-discovery" content="${image} https://{name}-image.{ext}">`);
      host.web.serve(`${image}-image.aci`, bytes);
      host.web.serve(`${image}-image.aci.asc`, host.gpg.sign(bytes, { by: [key] }));
    }
  }

  const write = (path: string) => (dir: string) => writeFileSync(join(dir, path), `${path}\n`);

  test('are fetched with it, verified like it, and lie below it', async () => {
    await host.trust('example.com', key);
    await offer({
      'example.com/base': { prepare: write('base') },
      'example.com/middle': { prepare: write('middle'), dependencies: [dependency('example.com/base')] },
      'example.com/top': {
        dependencies: [dependency('example.com/middle', { labels: [{ name: 'os', value: 'linux' }] })],
      },
    });
    const { status, stdout, stderr } = await host.rkt(['run', 'example.com/top']);
    expect([status, stdout]).toEqual([0, 'base\nmiddle\n']);
    expect(stderr.match(/signature verified/g)).toHaveLength(3);
    host.web.take();
    expect((await host.rkt(['run', 'example.com/top'])).stdout).toBe('base\nmiddle\n');
    expect(host.web.take()).toEqual([]);
  });

  test('that nobody could judge keep the image from running', async () => {
    await host.trust('example.com/top', key);
    await offer({
      'example.com/base': { prepare: write('base') },
      'example.com/top': { dependencies: [dependency('example.com/base')] },
    });
    const { status, stderr } = await host.rkt(['run', 'example.com/top']);
    expect(status).toBe(254);
    expect(stderr).toMatch(
      /rkt: image example.com\/base \(sha512-[0-9a-f]{32}\) is not verified: no key that signed it/,
    );
  });

  test('that are missing, of another size or another id are refused', async () => {
    await host.trust('example.com', key);
    await offer({ 'example.com/base': {}, 'example.com/top': { dependencies: [dependency('example.com/gone')] } });
    const gone = await host.rkt(['fetch', 'example.com/top']);
    expect([gone.status, gone.stderr.split('\n').at(-2)]).toEqual([
      254,
      'rkt: image example.com/gone: discovery failed: found no ACI meta tags',
    ]);
    expect(host.stored().ids).toEqual([]);
    await offer({ 'example.com/top': { dependencies: [dependency('example.com/base', { size: 10 })] } });
    expect((await host.rkt(['fetch', 'example.com/top'])).stderr).toMatch(
      /the server sent [0-9]+ bytes, 10 were expected\n$/,
    );
    const imageID = `sha512-${'0'.repeat(128)}`;
    await offer({ 'example.com/top': { dependencies: [dependency('example.com/base', { imageID })] } });
    expect((await host.rkt(['fetch', 'example.com/top'])).stderr).toMatch(
      new RegExp(`: its dependency example.com/base must have the id ${imageID}, but it has sha512-[0-9a-f]+\n$`),
    );
    expect(host.stored().ids).toHaveLength(1);
  });

  test('that go in a circle are refused, and nothing is stored', async () => {
    await host.trust('example.com', key);
    await offer({
      'example.com/a': { dependencies: [dependency('example.com/b')] },
      'example.com/b': { dependencies: [dependency('example.com/a')] },
    });
    const { status, stderr } = await host.rkt(['fetch', 'example.com/a']);
    expect([status, stderr.split('\n').at(-2)]).toEqual([
      254,
      expect.stringContaining('its dependencies go in a circle: example.com/b → example.com/a → example.com/b'),
    ]);
    expect(host.stored().ids).toEqual([]);
  });
});

describe('a terminal', () => {
  test('sees a bar that grows in place', async () => {
    let times = 0;
    host.web.on(file, (request, response) => {
      if (++times === 1) sendCut(response, image, 400_000, { etag: '"1"' });
      else sendFile(request, response, image, { etag: '"1"' });
    });
    const command = `${rktPath} -insecure-skip-verify fetch ${url}`;
    const child = host.sandbox.spawn(
      ['script', '-qec', command, '/dev/null'],
      ['ignore', 'pipe', 'pipe'],
      host.environment,
    );
    let output = '';
    child.stdout?.on('data', (data: Buffer) => {
      output += data.toString();
    });
    await new Promise((resolve) => child.once('close', resolve));
    expect(output).toContain('Downloading aci: [      ');
    expect(output).toContain('\x1b[1A\r\x1b[J');
    expect(output).toMatch(/Downloading aci: \[={45}\] ([0-9.]+ [KM]B)\/\1\r\n/);
    expect(output).toMatch(/warning: fetching https:.*the connection broke off after [0-9]+ bytes; trying again in/);
  });
});
