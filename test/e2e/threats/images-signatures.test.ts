/**
 * A hostile publisher or network, against signatures: none, expired or revoked keys, another image's signature, inline-signed, a key
 * that is trusted for another prefix, a manifest of another name. Each is refused with its reason, and nothing is stored.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { GnuPg } from '../../integration/image-trust/gnupg.ts';
import { Authority } from '../../support/certificates.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { WebServer } from '../../support/web-server.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const publisher = 'Carly Container <carly@example.com>';
const aciUrl = 'https://example.com/images/app.aci';
const signatureUrl = `${aciUrl}.asc`;
let host: Sandbox;
let gpg: GnuPg;
let web: WebServer;
let environment: Record<string, string>;
/** The publisher's key, trusted for example.com/app. */
let key: string;
let image: Buffer;
let other: Buffer;

const path = (name: string): string => join(host.dir, name);

/** Not by {@link Sandbox.rkt}, which would hold up the server: it is in this process. */
async function rkt(...args: string[]): Promise<Outcome> {
  const config = [`--local-config=${path('etc')}`, `--system-config=${path('usr')}`];
  const running = host.start([...config, ...args], environment);
  running.child.stdin?.end();
  const { status } = await running.ended;
  return { status, stdout: running.stdout, stderr: running.stderr };
}

const trust = async (prefix: string, fingerprint: string): Promise<void> => {
  const file = gpg.file(gpg.export(fingerprint));
  expect(await rkt('trust', '--skip-fingerprint-review', '--prefix', prefix, file)).toMatchObject({ status: 0 });
};

/** What the server gives for example.com/app. */
function publish(aci: Uint8Array, signature: Uint8Array | undefined): void {
  web.serve('example.com/images/app.aci', Buffer.from(aci));
  if (signature === undefined) web.on('example.com/images/app.aci.asc', (_, response) => response.writeHead(404).end());
  else web.serve('example.com/images/app.aci.asc', Buffer.from(signature));
}

/** Everything in the store but locks. */
const stored = (): string[] =>
  host
    .exec(['sh', '-c', `find ${host.dataDir}/images ! -name '*lock*' ! -path '*/locks/*' 2>/dev/null | sort`])
    .stdout.split('\n')
    .filter((line) => !/\/images(\/[a-z]+)?$|^$/.test(line));

async function makeAci(file: string, name: string): Promise<Buffer> {
  await makeImage({ name, exec: ['/bin/true'], output: path(file) });
  return readFileSync(path(file));
}

beforeAll(async () => {
  host = await Sandbox.create();
  gpg = new GnuPg();
  writeFileSync(path('hosts'), '127.0.0.1 localhost example.com\n');
  host.exec(['mount', '--bind', path('hosts'), '/etc/hosts']);
  const authority = new Authority(host.dir);
  environment = { SSL_CERT_FILE: authority.file };
  web = await WebServer.start({ certificate: authority.issue(['example.com']), netns: host.netns, port: 443 });
  web.serve(
    'example.com/app',
    '<meta name="ac-discovery" content="example.com/app https://example.com/images/app.{ext}">',
  );
  [image, other] = [await makeAci('app.aci', 'example.com/app'), await makeAci('other.aci', 'example.com/other')];
  key = gpg.generate(publisher);
});

beforeEach(() => trust('example.com/app', key));

afterEach(() => {
  host.exec(['rm', '-rf', path('etc'), host.dataDir]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(async () => {
  await web.close();
  gpg.close();
  await host.destroy();
});

/** The reason for which `rkt fetch` refuses, below a store that stays empty. */
async function refusal(): Promise<string | undefined> {
  const { status, stdout, stderr } = await rkt('fetch', 'example.com/app');
  expect([status, stdout]).toEqual([254, '']);
  expect(stored()).toEqual([]);
  return stderr.split('\n').find((line) => line.startsWith('rkt: image '));
}

const wrong = (reason: string): string => `rkt: image "example.com/app": the signature ${reason}`;

test('the good case, for comparison', async () => {
  publish(image, gpg.sign(image, { by: [key] }));
  const { status, stdout, stderr } = await rkt('fetch', 'example.com/app');
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^sha512-[0-9a-f]{32}\n$/)]);
  expect(stderr).toContain(`rkt: signature verified:\n  ${publisher}\n`);
});

describe('refused, nothing stored', () => {
  test('no signature', async () => {
    publish(image, undefined);
    expect(await refusal()).toMatch(
      new RegExp(`^rkt: image ${aciUrl}: its signature cannot be verified: ${signatureUrl} is not there`),
    );
  });

  test('something else in its place', async () => {
    publish(image, Buffer.from('<html>sign in</html>'));
    expect(await refusal()).toBe(wrong('cannot be used: it is no OpenPGP signature'));
  });

  test("another image's signature", async () => {
    publish(image, gpg.sign(other, { by: [key] }));
    expect(await refusal()).toBe(wrong('is wrong: it was made over other bytes'));
  });

  test('one bit of the image changed', async () => {
    const changed = Buffer.from(image);
    // A byte of the time in the head of the gzip stream: the archive itself is as good as before.
    changed[4] = (changed[4] as number) ^ 1;
    publish(changed, gpg.sign(image, { by: [key] }));
    expect(await refusal()).toBe(wrong('is wrong: it was made over other bytes'));
  });

  test("an unknown key's signature over other bytes", async () => {
    const stranger = gpg.generate('Stranger <stranger@example.com>');
    publish(image, gpg.sign(other, { by: [stranger] }));
    expect(await refusal()).toBe(wrong('is wrong: it was made over other bytes'));
  });

  test.each([
    ['inline-signed', ['--armor', '--sign'], 'it is a message with the signed data inside, no detached signature'],
    ['clearsigned', ['--clearsign'], 'it is a clearsigned text, no detached signature'],
  ])('%s', async (_, how, reason) => {
    // Small data: a signature file of the size of an image is refused before anyone looks inside.
    publish(image, gpg.sign('small', { by: [key], how }));
    expect(await refusal()).toBe(wrong(`cannot be used: ${reason}`));
  });

  test('a hash that can be forged', async () => {
    publish(image, gpg.sign(image, { by: [key], how: ['--digest-algo', 'SHA1', '--armor', '--detach-sign'] }));
    expect(await refusal()).toBe(wrong('cannot be used: its hash algorithm SHA-1 can be forged'));
  });

  test('a key that had expired', async () => {
    const expired = gpg.generate('Expired <expired@example.com>', { expire: '2y' });
    publish(image, gpg.sign(image, { by: [expired], at: '20240301T000000' }));
    gpg.setExpiry(expired, '20240210T000000', '20240202T000000');
    await trust('example.com/app', expired);
    expect(await refusal()).toBe(
      wrong(`cannot be trusted: key ${expired} had expired at 2024-02-10 00:00:00 UTC, before it signed`),
    );
  });

  test('a key that was revoked after it was trusted', async () => {
    const revoked = gpg.generate('Revoked <revoked@example.com>');
    publish(image, gpg.sign(image, { by: [revoked] }));
    await trust('example.com/app', revoked);
    gpg.revoke(revoked);
    writeFileSync(path(`etc/trustedkeys/prefix.d/example.com/app/${revoked}`), gpg.export(revoked));
    expect(await refusal()).toBe(wrong(`cannot be trusted: key ${revoked} was revoked by its owner`));
  });

  test('a manifest of another name than was asked for, though well signed', async () => {
    await trust('example.com/other', key);
    publish(other, gpg.sign(other, { by: [key] }));
    expect(await refusal()).toBe(
      `rkt: image ${aciUrl}: the name in its manifest is "example.com/other", not "example.com/app"`,
    );
  });
});

describe('a key that is not trusted for the image', () => {
  let stranger: string;
  beforeAll(() => {
    stranger = gpg.generate('Other Publisher <other@example.com>');
  });

  test('is stored, not extracted, and never executed until the key is trusted for it', async () => {
    await trust('example.com/ap', stranger);
    publish(image, gpg.sign(image, { by: [stranger] }));
    const fetched = await rkt('fetch', 'example.com/app');
    const command = `rkt trust --prefix "example.com/app" ${path(`etc/trustedkeys/prefix.d/example.com/ap/${stranger}`)}`;
    const hint = `rkt: its key is trusted for prefix "example.com/ap" only; if it may sign this image as well: ${command}\n`;
    expect(fetched.status).toBe(0);
    expect(fetched.stderr).not.toContain('signature verified');
    expect(fetched.stderr).toContain(hint);
    expect(stored().some((file) => file.includes('/trees/'))).toBe(false);

    const refused = await rkt('run', 'example.com/app');
    expect([refused.status, refused.stdout]).toEqual([254, '']);
    expect(refused.stderr).toContain(
      `rkt: image example.com/app (${fetched.stdout.trim()}) is not verified: no key that signed it is trusted\n${hint}`,
    );
    expect(stored().some((file) => file.includes('/trees/'))).toBe(false);
    expect(host.uuids()).toEqual([]);

    await trust('example.com/app', stranger);
    const ran = await rkt('run', 'example.com/app');
    expect([ran.status, ran.stderr]).toEqual([0, expect.stringContaining('rkt: signature verified:\n')]);
  });

  test('the stored bytes are verified again: a blob that was changed meanwhile is not executed', async () => {
    publish(image, gpg.sign(image, { by: [stranger] }));
    expect((await rkt('fetch', 'example.com/app')).status).toBe(0);
    const blob = stored().find((file) => /\/blobs\/sha512-/.test(file)) as string;
    const bytes = readFileSync(blob);
    bytes[4] = (bytes[4] as number) ^ 1;
    host.exec(['chmod', 'u+w', blob]);
    writeFileSync(blob, bytes);
    await trust('example.com/app', stranger);
    const { status, stderr } = await rkt('run', 'example.com/app');
    expect([status, stderr]).toEqual([254, expect.stringContaining(wrong('is wrong: it was made over other bytes'))]);
    expect(host.uuids()).toEqual([]);
  });
});
