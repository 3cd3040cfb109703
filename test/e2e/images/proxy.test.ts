/** Fetching by a proxy that wants a password, as the installed command does it. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { tarOf } from '../../integration/image/archives.ts';
import { Authority } from '../../support/certificates.ts';
import { sha256 } from '../../support/oci-layout.ts';
import { rktPath } from '../../support/sandbox.ts';
import { WebServer } from '../../support/web-server.ts';

const account = Buffer.from('me:secret').toString('base64');

let dir: string;
let authority: Authority;
/** Known by its name to the proxy only. */
let registry: WebServer;
let proxy: Server;
const tunnels = new Set<Socket>();
let seen: string[];

function allowed(request: IncomingMessage): boolean {
  seen.push(`${request.method} ${request.url}`);
  return request.headers['proxy-authorization'] === `Basic ${account}`;
}

function serveImage(server: WebServer): void {
  const tar = tarOf([{ path: 'file', content: 'x' }]);
  const layer = gzipSync(tar);
  const document = { os: 'linux', architecture: 'amd64', rootfs: { type: 'layers', diff_ids: [sha256(tar)] } };
  const config = Buffer.from(JSON.stringify(document));
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const describe = (bytes: Buffer, type: string) => ({ mediaType: type, digest: sha256(bytes), size: bytes.length });
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: describe(config, 'application/vnd.oci.image.config.v1+json'),
    layers: [describe(layer, 'application/vnd.oci.image.layer.v1.tar+gzip')],
  };
  server.serve('*/v2/', '');
  server.serve('*/v2/app/manifests/v1', JSON.stringify(manifest), { 'content-type': mediaType });
  for (const blob of [config, layer]) server.serve(`*/v2/app/blobs/${sha256(blob)}`, blob);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-e2e-proxy-'));
  authority = new Authority(dir);
  registry = await WebServer.start({ certificate: authority.issue(['proxied.test']) });
  serveImage(registry);
  proxy = createServer();
  proxy.on('connect', (request, client: Socket, head: Buffer) => {
    if (!allowed(request)) return void client.end('HTTP/1.1 407 No\r\n\r\n');
    const upstream = connect(registry.port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.write(head);
      upstream.pipe(client).pipe(upstream);
    });
    for (const socket of [client, upstream]) {
      tunnels.add(socket.on('error', () => {}));
    }
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
});

afterAll(async () => {
  for (const socket of tunnels) socket.destroy();
  proxy.closeAllConnections();
  proxy.close();
  await registry.close();
  rmSync(dir, { recursive: true, force: true });
});

beforeEach(() => {
  seen = [];
});

async function fetchApp(credentials: string): Promise<{ status: number; stderr: string }> {
  const url = `${credentials}127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const args = [`--dir=${mkdtempSync(join(dir, 'data-'))}`, '--insecure-options=image', 'fetch'];
  const child = spawn(rktPath, [...args, 'docker://proxied.test/app:v1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, SSL_CERT_FILE: authority.file, HTTPS_PROXY: url },
  });
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const [status] = await once(child, 'close');
  return { status: status as number, stderr };
}

test('a registry that only the proxy can reach', async () => {
  const { status, stderr } = await fetchApp('me:secret@');
  expect([status, stderr]).toEqual([0, expect.stringContaining('Downloading layer: ')]);
  expect(new Set(seen)).toEqual(new Set(['CONNECT proxied.test:443']));
});

test('a proxy that does not let one in', async () => {
  const { status, stderr } = await fetchApp('http://');
  const host = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  expect([status, stderr.split('\n').at(-2)]).toEqual([
    254,
    `rkt: cannot fetch docker://proxied.test/app:v1: the registry cannot be reached: fetching https://proxied.test/v2/ by the proxy ${host}: the proxy answered 407 (proxy authentication required)`,
  ]);
});
