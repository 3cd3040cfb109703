import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { annotationValue } from '../../../runtime/appc/annotations.ts';
import { labelValue } from '../../../runtime/appc/labels.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { sha256 } from '../../support/oci-layout.ts';
import { account, TestRegistry } from '../../support/registry.ts';
import { TokenServer } from '../../support/token-server.ts';
import { tarOf } from '../image/archives.ts';
import { Workplace } from './fetching.ts';

const directory = (path: string) => ({ path, type: 'directory' as const });
const base = { tar: tarOf([directory('etc/'), { path: 'etc/name', content: 'base\n' }]) };
const middle = {
  tar: tarOf([{ path: 'bin/tool', content: '#!/bin/sh\n', mode: 0o4755, uid: 7, gid: 8 }]),
  compression: 'zstd' as const,
};
const top = { tar: tarOf([{ path: 'etc/name', content: 'top\n' }]), compression: 'none' as const };

const halves = (bytes: Buffer): Buffer[] => [bytes.subarray(0, 700), bytes.subarray(700)];

let registry: TestRegistry;
beforeAll(async () => {
  registry = await TestRegistry.start();
});
afterAll(() => registry.stop());

describe('a registry', () => {
  test('gzip, zstd and plain layers become one tree each', async () => {
    using place = new Workplace();
    const config = { Entrypoint: ['/bin/tool'], Cmd: ['x'] };
    place.layout.tag(place.layout.image({ layers: [base, middle, top], config }), 'v1');
    registry.push(place.layout, 'v1', 'three');
    const url = registry.url('three:v1');
    const info = await place.fetch(url);

    expect(place.said.slice(0, 2)).toEqual([
      `fetching image from ${url}`,
      'warning: signature verification has been disabled',
    ]);
    expect(info.name).toBe(`127.0.0.1-${registry.host.split(':')[1]}/three`);
    expect(labelValue(info.labels, 'version')).toBe('v1');
    expect(info.manifest.app?.exec).toEqual(['/bin/tool', 'x']);
    const [lowest, second, third] = place.trees(info) as [string, string, string];
    expect(readFileSync(`${lowest}/etc/name`, 'utf8')).toBe('base\n');
    expect(readFileSync(`${third}/etc/name`, 'utf8')).toBe('top\n');
    expect(statSync(`${second}/bin/tool`)).toMatchObject({ uid: 7, gid: 8, mode: 0o104755 });
    expect(place.downloaded()).toHaveLength(3);
    expect(place.store.verify(info)).toEqual([]);
    expect(place.store.resolve(info.id).id).toBe(info.id);
    expect(readdirSync(place.store.paths.tmp)).toEqual([]);
  });

  test('what is there is not downloaded again, whatever it is compressed with', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base, middle] }), 'one');
    const recompressed = { ...base, compression: 'zstd' as const };
    place.layout.tag(place.layout.image({ layers: [recompressed, middle, top] }), 'two');
    for (const tag of ['one', 'two']) registry.push(place.layout, tag, 'shared');
    const first = await place.fetch(registry.url('shared:one'));
    expect(place.downloaded()).toHaveLength(2);
    const second = await place.fetch(registry.url('shared:two'));
    expect(place.downloaded()).toHaveLength(1);
    // Above the new layer lies what the base says of /etc, which the layer does not mention.
    expect(second.layers.slice(2)).toEqual(first.layers);
    expect((await place.fetch(registry.url('shared:two'))).id).toBe(second.id);
    expect(place.downloaded()).toEqual([]);
  });

  test('a docker manifest, by tag and by digest', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base], config: { Cmd: ['x'] } }), 'v1');
    registry.push(place.layout, 'v1', 'schema2', '--format=v2s2');
    const byTag = await place.fetch(registry.url('schema2:v1'));
    const digest = annotationValue(byTag.manifest.annotations, 'appc.io/docker/manifesthash') as string;
    const byDigest = await place.fetch(registry.url(`schema2@${digest}`));
    expect(byDigest.layers).toEqual(byTag.layers);
    expect(labelValue(byDigest.labels, 'version')).toBeUndefined();
  });

  test('an index gives the image for this machine', async () => {
    using place = new Workplace();
    const images = ['arm64', 'amd64', '386'].map((architecture) => ({
      layers: [{ tar: tarOf([{ path: 'arch', content: architecture }]) }],
      platform: { os: 'linux', architecture },
    }));
    place.layout.tag(place.layout.index(images), 'v1');
    registry.push(place.layout, 'v1', 'many');
    const info = await place.fetch(registry.url('many:v1'));
    expect(readFileSync(`${place.trees(info)[0]}/arch`, 'utf8')).toBe('amd64');
    expect(labelValue(info.labels, 'arch')).toBe('amd64');
    const host = { os: 'linux', architecture: 's390x', variants: [''] };
    expect(await place.refusal(registry.url('many:v1'), { host })).toBe(
      `EIMAGE: cannot fetch ${registry.url('many:v1')}: there is no image for linux/s390x, only for linux/arm64, linux/amd64, linux/386`,
    );
  });

  test('layers with more frames and members than their content needs: zstd:chunked and eStargz', async () => {
    using place = new Workplace();
    const layers = [base, middle].map(({ tar }) => ({ tar, diffId: sha256(tar) }));
    const skippable = Buffer.from([0x5e, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
    const blobs = [
      Buffer.concat([...halves(base.tar).map((half) => gzipSync(half)), gzipSync('')]),
      Buffer.concat([...halves(middle.tar).map((half) => zstdCompressSync(half)), skippable]),
    ];
    const type = 'application/vnd.oci.image.layer.v1.tar';
    const config = place.layout.json(
      { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) } },
      'application/vnd.oci.image.config.v1+json',
    );
    const mediaType = 'application/vnd.oci.image.manifest.v1+json';
    const descriptors = blobs.map((blob, index) => place.layout.blob(blob, `${type}+${index === 0 ? 'gzip' : 'zstd'}`));
    place.layout.tag(place.layout.json({ schemaVersion: 2, mediaType, config, layers: descriptors }, mediaType), 'v1');
    registry.push(place.layout, 'v1', 'frames');
    const info = await place.fetch(registry.url('frames:v1'));
    expect(place.store.verify(info)).toEqual([]);
  });

  test('two at once do the work once', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base, middle, top] }), 'v1');
    registry.push(place.layout, 'v1', 'twice');
    const [one, two] = await Promise.all([1, 2].map(() => place.fetch(registry.url('twice:v1'))));
    expect(one?.id).toBe(two?.id);
    expect(place.downloaded()).toHaveLength(3);
  });

  test('a damaged layer is fetched again', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base] }), 'v1');
    registry.push(place.layout, 'v1', 'damaged');
    const info = await place.fetch(registry.url('damaged:v1'));
    const file = `${place.trees(info)[0]}/etc/name`;
    const { truncateSync } = await import('node:fs');
    truncateSync(file);
    place.downloaded();
    expect(place.store.verify(info)).toEqual(['tree damaged']);
    await place.fetch(registry.url('damaged:v1'));
    expect(place.downloaded()).toHaveLength(1);
    expect(readFileSync(file, 'utf8')).toBe('base\n');
  });

  test('what is not there, and what is not allowed', async () => {
    using place = new Workplace();
    const url = registry.url('nothing:v1');
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: manifest v1: the registry ${registry.host} does not have it in nothing`,
    );
    place.said.length = 0;
    expect(await place.refusal(url, { skipVerify: false })).toBe(
      `EVERIFY: image ${url}: Docker images do not support signature verification`,
    );
    expect(place.said).toEqual([]);
    expect(await place.refusal(url, { allowHttp: false })).toBe(
      `EREGISTRY: cannot fetch ${url}: the registry cannot be reached: fetching https://${registry.host}/v2/: the server does not speak TLS`,
    );
  });

  test('a mirror is asked first, the registry itself if that fails', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base] }), 'v1');
    registry.push(place.layout, 'v1', 'library/mirrored');
    const mirrors = ['127.0.0.1:1', registry.host];
    place.configure('mirrors.d/hub.json', { rktKind: 'dockerMirrors', registry: 'docker.io', mirrors });
    const info = await place.fetch('docker://mirrored:v1');
    expect(info.name).toBe('registry-1.docker.io/library/mirrored');
    expect(place.said).toContain(
      'warning: mirror 127.0.0.1:1: cannot fetch docker://mirrored:v1: the registry cannot be reached: fetching http://127.0.0.1:1/v2/: the connection was refused; trying the next place',
    );
  });
});

describe('a registry with a password', () => {
  let guarded: TestRegistry;
  beforeAll(async () => {
    guarded = await TestRegistry.start({ auth: { type: 'basic' } });
  });
  afterAll(() => guarded.stop());

  test('lets those in who know it', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base] }), 'v1');
    guarded.push(place.layout, 'v1', 'secret');
    const url = guarded.url('secret:v1');
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: ${guarded.host} asks for a user and password`,
    );
    const auth = { rktKind: 'dockerAuth', registries: [guarded.host] };
    place.configure('auth.d/docker.json', { ...auth, credentials: { ...account, password: 'wrong' } });
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: ${guarded.host} does not accept the user and password`,
    );
    place.configure('auth.d/docker.json', { ...auth, credentials: account });
    expect((await place.fetch(url)).layers).toHaveLength(1);
  });
});

describe('a registry with tokens', () => {
  let tokens: TokenServer;
  let guarded: TestRegistry;
  let dir: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'rkt-tokens-'));
    tokens = await TokenServer.start(dir);
    guarded = await TestRegistry.start({ auth: tokens.auth });
  });
  afterAll(async () => {
    await Promise.all([guarded.stop(), tokens.close()]);
    rmSync(dir, { recursive: true });
  });

  test('sells one for the right to read, and wants another when it is worth nothing any more', async () => {
    using place = new Workplace();
    place.layout.tag(place.layout.image({ layers: [base, middle, top] }), 'v1');
    // Not synchronously: the token server is in this process.
    await guarded.pushLater(place.layout, 'v1', 'secret');
    tokens.take();
    const url = guarded.url('secret:v1');
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: the token server ${tokens.origin} answers 401 (unauthorized)`,
    );
    place.configure('auth.d/docker.json', { rktKind: 'dockerAuth', registries: [guarded.host], credentials: account });
    tokens.take();
    await place.fetch(url);
    expect(place.downloaded()).toHaveLength(3);
    const request = '/token?service=registry.test&scope=repository%3Asecret%3Apull';
    expect(tokens.take()).toEqual([request]);
    tokens.lifetime = -3000;
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: manifest v1: the registry ${guarded.host} does not let you read secret ("authentication required")`,
    );
    expect(tokens.take()).toEqual([request, request]);
  });
});

describe('a registry that refuses', () => {
  let fake: FakeRegistry;
  beforeAll(async () => {
    fake = await FakeRegistry.start();
  });
  afterAll(() => fake.stop());

  const errors = (message: string): string => JSON.stringify({ errors: [{ code: 'X', message }] });
  const manifest = '/v2/app/manifests/v1';

  test.each([
    [
      manifest,
      429,
      errors('rate limit\u001b[2J "reached"'),
      'manifest v1: the registry HOST answers 429 (too many requests) ("rate limit [2J \'reached\'")',
    ],
    [manifest, 403, errors('denied'), 'manifest v1: the registry HOST does not let you read app ("denied")'],
    [manifest, 404, errors('manifest unknown'), 'manifest v1: the registry HOST does not have it in app'],
    [manifest, 400, '<html>', 'manifest v1: the registry HOST answers 400 (bad request)'],
    ['/v2/', 503, '', 'its registry: the registry HOST answers 503 (service unavailable)'],
    ['/v2/', 404, '', 'HOST answers 404 (not found) and does not seem to be a registry (API version 2)'],
  ])('%s: %d %j', async (path, status, body, message) => {
    using place = new Workplace();
    fake.answers.set('/v2/', {});
    fake.answers.set(path, { status, body });
    const url = `docker://${fake.host}/app:v1`;
    expect(await place.refusal(url)).toBe(`EREGISTRY: cannot fetch ${url}: ${message.replace('HOST', fake.host)}`);
  });

  test('passes on what its token server says; a token may be empty and stand under the other name', async () => {
    using place = new Workplace();
    const url = `docker://${fake.host}/app:v1`;
    fake.answers.set('/v2/', {
      status: 401,
      headers: { 'www-authenticate': `Negotiate abc==, Bearer realm="http://${fake.host}/token"` },
    });
    fake.answers.set(manifest, ({ headers }) => ({ status: headers.authorization === 'Bearer t' ? 404 : 500 }));
    fake.answers.set('/token', { status: 400, body: errors('no such service') });
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: the token server http://${fake.host} answers 400 (bad request) ("no such service")`,
    );
    // A server that has moved is followed.
    fake.answers.set('/token', { status: 308, headers: { location: '/moved' } });
    fake.answers.set('/moved', { body: '{"token":"","access_token":"t"}' });
    expect(await place.refusal(url)).toBe(
      `EREGISTRY: cannot fetch ${url}: manifest v1: the registry ${fake.host} does not have it in app`,
    );
  });
});
