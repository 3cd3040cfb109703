/**
 * Hostile registries: confusion of manifests and indexes (CVE-2021-41190), digests with a path or a weak algorithm
 * (CVE-2024-3727), credentials for somebody else (CVE-2020-15157), and content that is not what it says it is.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Spec, tarOf } from '../../integration/image/archives.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { sha256 } from '../../support/oci-layout.ts';
import { rktPath } from '../../support/sandbox.ts';

const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
const ociIndex = 'application/vnd.oci.image.index.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const secret = { user: 'me', password: 'do-not-tell' };

let dir: string;
let registry: FakeRegistry;
let other: FakeRegistry;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-e2e-registry-'));
  [registry, other] = await Promise.all([FakeRegistry.start(), FakeRegistry.start()]);
});
afterEach(async () => {
  await Promise.all([registry.stop(), other.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

/** Runs `rkt fetch docker://…/app:v1`; standard error and the code. */
async function fetchApp(reference = 'app:v1'): Promise<{ status: number; stderr: string; stdout: string }> {
  const args = [`--dir=${join(dir, 'data')}`, `--local-config=${join(dir, 'config')}`, '--insecure-options=image,http'];
  const child = spawn(rktPath, [...args, 'fetch', `docker://${registry.host}/${reference}`], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => {
    said.stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said.stderr += chunk.toString();
  });
  const [status] = await once(child, 'close');
  return { status: status as number, ...said };
}

/** What the fetch fails with; checks that the store is as empty as before. */
async function refusal(reference?: string): Promise<string> {
  const { status, stderr, stdout } = await fetchApp(reference);
  expect(stdout).toBe('');
  expect(status).toBe(254);
  for (const part of ['info', 'trees', 'blobs', 'tmp']) {
    const path = join(dir, 'data', 'images', part);
    expect(existsSync(path) ? readdirSync(path) : []).toEqual([]);
  }
  const lines = stderr
    .split('\n')
    .filter((line) => line.startsWith('rkt: cannot fetch') || line.startsWith('rkt: fetching http'));
  return lines.join('\n').replaceAll(registry.host, 'REGISTRY').replaceAll(other.host, 'OTHER');
}

interface Parts {
  readonly config: { mediaType: string; digest: string; size: number };
  readonly layer: { mediaType: string; digest: string; size: number; urls?: string[] };
}

/** Serves an image of one layer with these entries; the parts of its manifest, to be changed. */
function serve(specs: readonly Spec[] = [{ path: 'file', content: 'x' }]): Parts {
  const tar = tarOf(specs);
  const blob = gzipSync(tar);
  const document = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [sha256(tar)] } };
  const config = Buffer.from(JSON.stringify(document));
  registry.blob(sha256(blob), { body: blob });
  registry.blob(sha256(config), { body: config });
  return {
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', digest: sha256(config), size: config.length },
    layer: { mediaType: layerType, digest: sha256(blob), size: blob.length },
  };
}

const manifestOf = ({ config, layer }: Parts) => ({
  schemaVersion: 2,
  mediaType: ociManifest,
  config,
  layers: [layer],
});

function credentialsFor(host: string): void {
  mkdirSync(join(dir, 'config', 'auth.d'), { recursive: true });
  const fields = { rktKind: 'dockerAuth', rktVersion: 'v1', registries: [host], credentials: secret };
  writeFileSync(join(dir, 'config', 'auth.d', 'docker.json'), JSON.stringify(fields), { mode: 0o600 });
}

const basic = `Basic ${Buffer.from(`${secret.user}:${secret.password}`).toString('base64')}`;

describe('confusion', () => {
  test('an honest image is taken', async () => {
    registry.manifest('v1', manifestOf(serve()), ociManifest);
    expect((await fetchApp()).status).toBe(0);
  });

  test('a document that is manifest and index', async () => {
    registry.manifest('v1', { ...manifestOf(serve()), manifests: [] }, ociManifest);
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: registry manifest: is ambiguous: as an image manifest it must not have "manifests"',
    );
  });

  test('a manifest that is served as an index', async () => {
    registry.manifest('v1', manifestOf(serve()), ociIndex);
    expect(await refusal()).toBe(
      `rkt: cannot fetch docker://REGISTRY/app:v1: registry manifest: was served as "${ociIndex}" but states the type "${ociManifest}"`,
    );
  });

  test('another manifest than the digest asks for', async () => {
    const wanted = `sha256:${'a'.repeat(64)}`;
    const document = JSON.stringify(manifestOf(serve()));
    registry.manifest(wanted, document, ociManifest);
    expect(await refusal(`app@${wanted}`)).toBe(
      `rkt: cannot fetch docker://REGISTRY/app@${wanted}: the registry sent a manifest with the digest ${sha256(Buffer.from(document))} where ${wanted} was asked for`,
    );
  });
});

describe('digests', () => {
  test('with a path', async () => {
    const parts = serve();
    registry.manifest(
      'v1',
      manifestOf({ ...parts, layer: { ...parts.layer, digest: 'sha256:../../../../etc/passwd' } }),
      ociManifest,
    );
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: registry manifest: layers[0].digest: must have 64 lower-case hex digits after "sha256:", is "sha256:../../../../etc/passwd"',
    );
  });

  test('with a weak algorithm', async () => {
    const parts = serve();
    registry.manifest('v1', manifestOf({ ...parts, config: { ...parts.config, digest: 'md5:00' } }), ociManifest);
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: registry manifest: config.digest: must use sha256 or sha512, not "md5", is "md5:00"',
    );
  });

  test('of other content: a layer and a configuration', async () => {
    const parts = serve();
    const evil = gzipSync(tarOf([{ path: 'evil' }]));
    registry.blob(parts.layer.digest, { body: evil });
    registry.manifest('v1', manifestOf({ ...parts, layer: { ...parts.layer, size: evil.length } }), ociManifest);
    expect(await refusal()).toBe(
      `rkt: cannot fetch docker://REGISTRY/app:v1: layer ${parts.layer.digest}: its digest is ${sha256(evil)}, not ${parts.layer.digest} as promised`,
    );
    const config = Buffer.alloc(parts.config.size, ' ');
    registry.blob(parts.config.digest, { body: config });
    expect(await refusal()).toBe(
      `rkt: cannot fetch docker://REGISTRY/app:v1: its configuration has the digest ${sha256(config)}, not ${parts.config.digest} as promised`,
    );
  });
});

describe('size', () => {
  test('a layer longer or shorter than promised', async () => {
    const parts = serve();
    registry.manifest('v1', manifestOf({ ...parts, layer: { ...parts.layer, size: 10 } }), ociManifest);
    expect(await refusal()).toBe(
      `rkt: fetching http://REGISTRY/v2/app/blobs/${parts.layer.digest}: the server sent ${parts.layer.size} bytes, 10 were expected`,
    );
  });

  test('a huge configuration is not even asked for', async () => {
    const parts = serve();
    registry.manifest('v1', manifestOf({ ...parts, config: { ...parts.config, size: 2 ** 30 } }), ociManifest);
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: its configuration has 1073741824 bytes, more than the 1048576 allowed',
    );
    expect(registry.requests.some(({ url }) => url.includes('/blobs/'))).toBe(false);
  });
});

describe('credentials', () => {
  test('are not sent to the places that a layer names: those are refused', async () => {
    credentialsFor(registry.host);
    const parts = serve();
    registry.manifest(
      'v1',
      manifestOf({ ...parts, layer: { ...parts.layer, urls: [`http://${other.host}/layer`] } }),
      ociManifest,
    );
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: registry manifest: layers[0]: is a foreign layer, to be downloaded from elsewhere than the registry, which rkt does not do',
    );
    expect(other.requests).toEqual([]);
  });

  test('are not sent where a layer is redirected to', async () => {
    credentialsFor(registry.host);
    const parts = serve();
    const path = `/v2/app/blobs/${parts.layer.digest}`;
    const guarded = new Map(registry.answers);
    other.answers.set('/cdn', guarded.get(path) ?? {});
    registry.answers.set(path, { status: 307, headers: { location: `http://${other.host}/cdn` } });
    registry.manifest('v1', manifestOf(parts), ociManifest);
    for (const [url, answer] of registry.answers) {
      registry.answers.set(url, (request) => {
        const known = request.headers.authorization === basic;
        if (!known) return { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
        return typeof answer === 'function' ? answer(request) : answer;
      });
    }
    expect((await fetchApp()).status).toBe(0);
    expect(other.requests).toEqual([{ method: 'GET', url: '/cdn', authorization: undefined }]);
  });

  test.each([
    ['a layer', (parts: Parts) => `/v2/app/blobs/${parts.layer.digest}`],
    ['a manifest', () => '/v2/app/manifests/v1'],
    ['the registry itself', () => '/v2/'],
  ])('are not sent to a token server that somebody names whom %s is redirected to', async (_, pathOf) => {
    credentialsFor(registry.host);
    const parts = serve();
    registry.manifest('v1', manifestOf(parts), ociManifest);
    registry.answers.set(pathOf(parts), { status: 307, headers: { location: `http://${other.host}/cdn` } });
    const challenge = `Bearer realm="http://${other.host}/token"`;
    other.answers.set('/cdn', { status: 401, headers: { 'www-authenticate': challenge } });
    other.answers.set('/token', { body: '{"token":"abc"}' });
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: the registry REGISTRY redirects to http://OTHER, which asks for credentials of its own',
    );
    expect(other.requests).toEqual([{ method: 'GET', url: '/cdn', authorization: undefined }]);
  });

  test('of a web server do not buy a token there for a registry that names it', async () => {
    mkdirSync(join(dir, 'config', 'auth.d'), { recursive: true });
    const fields = { rktKind: 'auth', rktVersion: 'v1', domains: [other.host], type: 'basic', credentials: secret };
    writeFileSync(join(dir, 'config', 'auth.d', 'web.json'), JSON.stringify(fields), { mode: 0o600 });
    const challenge = `Bearer realm="http://${other.host}/token",service="another registry"`;
    registry.answers.set('/v2/', { status: 401, headers: { 'www-authenticate': challenge } });
    other.answers.set('/token', ({ headers }) => ({ status: headers.authorization === undefined ? 401 : 200 }));
    expect(await refusal()).toBe(
      'rkt: cannot fetch docker://REGISTRY/app:v1: the token server http://OTHER answers 401 (unauthorized)',
    );
    expect(other.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('of another registry are not sent to this one', async () => {
    credentialsFor(other.host);
    registry.answers.set('/v2/', { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } });
    expect(await refusal()).toBe('rkt: cannot fetch docker://REGISTRY/app:v1: REGISTRY asks for a user and password');
    expect(registry.requests.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  test('go to the token server, and only the token comes back to the registry', async () => {
    credentialsFor(registry.host);
    registry.manifest('v1', manifestOf(serve()), ociManifest);
    const challenge = `Bearer realm="http://${other.host}/token",service="it",scope="registry:catalog:*"`;
    other.answers.set('/token', { body: '{"token":"abc"}' });
    for (const [url, answer] of registry.answers) {
      registry.answers.set(url, (request) => {
        if (request.headers.authorization !== 'Bearer abc')
          return { status: 401, headers: { 'www-authenticate': challenge } };
        return typeof answer === 'function' ? answer(request) : answer;
      });
    }
    expect((await fetchApp()).status).toBe(0);
    const url = '/token?service=it&scope=repository%3Aapp%3Apull';
    expect(other.requests).toEqual([{ method: 'GET', url, authorization: basic }]);
    expect(new Set(registry.requests.map(({ authorization }) => authorization))).toEqual(
      new Set([undefined, 'Bearer abc']),
    );
  });
});

test('a layer that leads out of its tree', async () => {
  const parts = serve([
    { path: 'l', type: 'symlink', link: '/etc' },
    { path: 'l/evil', content: 'x' },
  ]);
  registry.manifest('v1', manifestOf(parts), ociManifest);
  expect(await refusal()).toBe(
    `rkt: cannot fetch docker://REGISTRY/app:v1: layer ${parts.layer.digest}: "l/evil" lies beyond a symbolic link`,
  );
  expect(existsSync('/etc/evil')).toBe(false);
});
