/** `rkt trust` as a user runs it: keys by the real GnuPG, from files, over HTTPS and by meta discovery. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GnuPg } from '../../integration/image-trust/gnupg.ts';
import { Authority } from '../../support/certificates.ts';
import { rktPath, Sandbox } from '../../support/sandbox.ts';
import { WebServer } from '../../support/web-server.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const owner = 'CoreOS ACI Builder <release@coreos.com>';
const question = 'Are you sure you want to trust this key (yes/no)? ';
let host: Sandbox;
let gpg: GnuPg;
let key: string;
let secure: WebServer;
let plain: WebServer;
let environment: Record<string, string>;

beforeAll(async () => {
  host = await Sandbox.create();
  gpg = new GnuPg();
  key = gpg.generate(owner);
  const names = ['coreos.com', 'example.com'];
  writeFileSync(join(host.dir, 'hosts'), `127.0.0.1 localhost ${names.join(' ')}\n`);
  host.exec(['mount', '--bind', join(host.dir, 'hosts'), '/etc/hosts']);
  const authority = new Authority(host.dir);
  environment = { SSL_CERT_FILE: authority.file };
  secure = await WebServer.start({ certificate: authority.issue(names), netns: host.netns, port: 443 });
  plain = await WebServer.start({ netns: host.netns, port: 80 });
  secure.serve('coreos.com/dist/pubkeys/aci-pubkeys.gpg', gpg.export(key));
  secure.serve(
    'coreos.com/etcd',
    '<meta name="ac-discovery-pubkeys" content="coreos.com/etcd https://coreos.com/dist/pubkeys/aci-pubkeys.gpg">',
  );
  secure.serve('coreos.com/', '<html><head></head></html>');
});

afterEach(() => {
  host.exec(['rm', '-rf', config()]);
});

afterAll(async () => {
  await Promise.all([secure.close(), plain.close()]);
  gpg.close();
  await host.destroy();
});

const config = (): string => join(host.dir, 'etc');
const globals = (): string[] => [`--local-config=${config()}`, `--system-config=${join(host.dir, 'usr')}`];

/** Not by {@link Sandbox.rkt}, which would hold up the servers: they are in this process. */
async function run(args: readonly string[], input = ''): Promise<Outcome> {
  const running = host.start([...globals(), ...args], environment);
  running.child.stdin?.on('error', () => {});
  running.child.stdin?.end(input);
  const { status } = await running.ended;
  return { status, stdout: running.stdout, stderr: running.stderr };
}

const rkt = (args: readonly string[], input = ''): Promise<Outcome> => run(['trust', ...args], input);
const stored = (prefix: string, fingerprint: string): string =>
  join(config(), 'trustedkeys', 'prefix.d', prefix, fingerprint);
async function listed(): Promise<string[]> {
  const { stdout } = await rkt(['list', '--no-legend']);
  return stdout.split('\n').filter((line) => line !== '');
}

/** GnuPG's own way to print a fingerprint. */
function grouped(fingerprint: string): string {
  const listing = gpg.run(['--fingerprint', fingerprint]).toString();
  return /([0-9A-F]{4}(?: {1,2}[0-9A-F]{4}){9})/.exec(listing)?.[1] as string;
}

const review = (prefix: string, location: string, fingerprint = key, identity = owner): string =>
  `Prefix: "${prefix}"\nKey: "${location}"\nGPG key fingerprint is: ${grouped(fingerprint)}\n  ${identity}\n`;

describe('what is shown and asked', () => {
  const url = 'https://coreos.com/dist/pubkeys/aci-pubkeys.gpg';

  test.each([
    ['by meta discovery', ['--prefix', 'coreos.com/etcd']],
    ['from a URL', ['--prefix', 'coreos.com/etcd', url]],
  ])('%s', async (_, args) => {
    const path = stored('coreos.com/etcd', key);
    expect(await rkt(args, 'yes\n')).toEqual({
      status: 0,
      stdout: `Trusting "${url}" for prefix "coreos.com/etcd".\nAdded key for prefix "coreos.com/etcd" at "${path}"\n`,
      stderr: `${review('coreos.com/etcd', url)}${question}\n`,
    });
    expect(readFileSync(path, 'utf8')).toContain('BEGIN PGP PUBLIC KEY BLOCK');
    expect(await listed()).toEqual([`coreos.com/etcd  ${key}  ${owner}  trusted  local`]);
  });

  test('no tags to be found', async () => {
    expect(await rkt(['--prefix', 'coreos.com'], 'yes\n')).toMatchObject({
      status: 254,
      stdout: '',
      stderr: 'Error determining key location: --prefix meta discovery error: found no ACI meta tags\n',
    });
  });

  test('on a terminal the user types the answer', async () => {
    const file = gpg.file(gpg.export(key));
    const line = [rktPath, ...globals(), 'trust', '--prefix', 'example.com', file].join(' ');
    const { status, stdout } = host.exec(['script', '-qec', line, '/dev/null'], { input: 'yes\n' });
    expect(status).toBe(0);
    expect(stdout).toContain(`${question}`);
    expect(stdout).toContain(`Added key for prefix "example.com" at "${stored('example.com', key)}"`);
  });

  test.each([['no\n'], ['y\n'], ['YES\n'], ['yes please\n'], ['\n']])(
    'anything but "yes" is no: %j',
    async (answer) => {
      const file = gpg.file(gpg.export(key));
      expect(await rkt(['--prefix', 'example.com', file], answer)).toMatchObject({
        status: 254,
        stdout: `Not trusting "${file}".\n`,
      });
      expect(await listed()).toEqual([]);
    },
  );

  test('without anybody to ask nothing is trusted, unless the user wants it so', async () => {
    const file = gpg.file(gpg.export(key));
    expect(await rkt(['--prefix', 'example.com', file])).toMatchObject({
      status: 254,
      stdout: '',
      stderr:
        `${review('example.com', file)}${question}\n` +
        'rkt: the key was not trusted: there is no terminal, and nothing on standard input, to answer the question\n' +
        'rkt: compare the fingerprint by other means, then use --skip-fingerprint-review\n',
    });
    expect(await listed()).toEqual([]);
    expect(await rkt(['--prefix', 'example.com', '--skip-fingerprint-review', file])).toMatchObject({
      status: 0,
      stderr: review('example.com', file),
    });
  });

  test('keys from HTTPS without a question, where the user said so; files are asked about all the same', async () => {
    const trust = async (location: string): Promise<number | null> =>
      (await run(['--trust-keys-from-https', 'trust', '--prefix', 'coreos.com', location])).status;
    expect(await trust(url)).toBe(0);
    expect(await trust(gpg.file(gpg.export(key)))).toBe(254);
  });

  test('every key of a file is asked about', async () => {
    const second = gpg.generate('Second <second@example.com>');
    const file = gpg.file(gpg.export(key, second));
    const result = await rkt(['--prefix', 'example.com', file], 'no\nyes\n');
    expect(result.status).toBe(254);
    expect(result.stdout).toBe(
      `Not trusting "${file}".\nTrusting "${file}" for prefix "example.com".\n` +
        `Added key for prefix "example.com" at "${stored('example.com', second)}"\n`,
    );
    expect(await listed()).toEqual([`example.com  ${second}  Second <second@example.com>  trusted  local`]);
  });

  test('an identity that the key did not sign is not shown', async () => {
    const good = gpg.exportBinary(key);
    const mine = gpg.generate('Mallory <mallory@example.com>');
    // Old-form user id packet (tag 13) of the other key, put after the own ones without a signature.
    const at = good.indexOf(Buffer.from([0xb4, owner.length]));
    const stolen = good.subarray(at, at + 2 + owner.length);
    expect(stolen.subarray(2).toString()).toBe(owner);
    const file = gpg.file(Buffer.concat([gpg.exportBinary(mine), stolen]));
    const { stderr } = await rkt(['--prefix', 'example.com', file], 'no\n');
    expect(stderr).toBe(`${review('example.com', file, mine, 'Mallory <mallory@example.com>')}${question}\n`);
  });
});

describe('root keys', () => {
  test('a file, for every image', async () => {
    const file = gpg.file(gpg.export(key));
    const path = join(config(), 'trustedkeys', 'root.d', key);
    expect((await rkt(['--root', file], 'yes\n')).stdout).toBe(
      `Trusting "${file}" for prefix "".\nAdded root key at "${path}"\n`,
    );
    expect(await listed()).toEqual([`(every image)  ${key}  ${owner}  trusted  local`]);
  });

  test('a domain, for all of its images', async () => {
    secure.serve(
      'example.com/',
      '<meta name="ac-discovery-pubkeys" content="example.com https://coreos.com/dist/pubkeys/aci-pubkeys.gpg">',
    );
    expect((await rkt(['--root', 'example.com'], 'yes\n')).status).toBe(0);
    expect(await listed()).toEqual([`example.com  ${key}  ${owner}  trusted  local`]);
  });
});

describe('plain HTTP', () => {
  test('only where the user allows it', async () => {
    plain.serve('coreos.com/key.gpg', gpg.export(key));
    const url = 'http://coreos.com/key.gpg';
    expect(await rkt(['--prefix', 'coreos.com', url], 'yes\n')).toMatchObject({
      status: 254,
      stdout: '',
      stderr:
        `rkt: key "${url}": plain HTTP is not allowed, anyone on the way could put in another key\n` +
        'rkt: --insecure-allow-http required for http URLs\n',
    });
    expect(plain.take()).toEqual([]);
    expect((await rkt(['--prefix', 'coreos.com', '--insecure-allow-http', url], 'yes\n')).status).toBe(0);
    expect(plain.take()).toEqual(['coreos.com/key.gpg']);
  });
});

describe('what is no key to trust', () => {
  const refusal = async (content: string | Uint8Array): Promise<string> => {
    const file = gpg.file(content);
    const { status, stdout, stderr } = await rkt(['--prefix', 'example.com', file], 'yes\n');
    expect([status, stdout, await listed()]).toEqual([254, '', []]);
    return stderr.replaceAll(file, 'FILE');
  };
  const gpgHint = 'rkt: public keys are written by: gpg --armor --export KEY\n';

  test('other files', async () => {
    expect(await refusal('')).toBe(`rkt: key "FILE": it is empty\n${gpgHint}`);
    expect(await refusal('<html>')).toBe(`rkt: key "FILE": it holds no OpenPGP public key\n${gpgHint}`);
    expect(await refusal(gpg.exportSecret(key))).toBe(`rkt: key "FILE": it holds a secret key\n${gpgHint}`);
    expect(await refusal(gpg.sign('x', { by: [key] }))).toBe(
      `rkt: key "FILE": it holds a signature, no key\n${gpgHint}`,
    );
  });

  test('keys that can verify nothing', async () => {
    const weak = gpg.generate('Weak <weak@example.com>', { algorithm: 'rsa1024' });
    expect(await refusal(gpg.export(weak))).toMatch(
      new RegExp(
        `rkt: key "FILE": ${weak} cannot verify images: RSA keys shorter than 2047 bits are considered too weak\n$`,
      ),
    );
    const certifier = gpg.generate('Certifier <certifier@example.com>', { usage: 'cert' });
    expect(await refusal(gpg.export(certifier))).toMatch(
      new RegExp(`rkt: key "FILE": ${certifier} cannot verify images: no part of it is meant for signing\n$`),
    );
    const revoked = gpg.generate('Revoked <revoked@example.com>');
    gpg.revoke(revoked);
    expect(await refusal(gpg.export(revoked))).toMatch(
      new RegExp(`rkt: key "FILE": ${revoked} was revoked by its owner\n`),
    );
  });

  test('an expired key is, for what it signed before, and that is said', async () => {
    const expired = gpg.generate('Expired <expired@example.com>', { expire: '20240601T000000' });
    const { status, stderr } = await rkt(['--prefix', 'example.com', gpg.file(gpg.export(expired))], 'yes\n');
    expect(status).toBe(0);
    expect(stderr).toContain('  expired on 2024-06-01: only signatures made before are accepted\n');
    expect(await listed()).toEqual([
      `example.com  ${expired}  Expired <expired@example.com>  expired 2024-06-01  local`,
    ]);
  });
});

describe('mistakes on the command line', () => {
  test.each([
    [[], 'rkt trust needs a prefix of image names'],
    [['key.gpg'], 'rkt trust needs a prefix of image names'],
    [['--root'], '--root needs the location of a key'],
    [['--root', '--prefix', 'a', 'key.gpg'], '--root and --prefix usage mutually exclusive'],
    [['--prefix', 'https://coreos.com'], '--prefix must not contain a URL scheme, omit https://'],
    [['--prefix', 'coreos.com/../x'], 'prefix "coreos.com/../x": its components must not be empty, "." or ".."'],
    [['--prefix', 'coreos.com', 'ftp://x/y'], 'key "ftp://x/y": only local files and http or https URLs are supported'],
    [['rm'], 'rkt trust rm needs a fingerprint'],
    [['list', 'x'], 'rkt trust list takes no arguments'],
  ])('%j', async (args, message) => {
    const { status, stdout, stderr } = await rkt(args as string[], 'yes\n');
    expect([status, stdout, stderr.split('\n')[0]]).toEqual([254, '', `rkt: ${message}`]);
  });
});

test('rm takes away what trust gave', async () => {
  await rkt(['--prefix', 'example.com', '--skip-fingerprint-review', gpg.file(gpg.export(key))]);
  expect((await rkt(['rm', grouped(key)])).stdout).toBe(
    `Removed key for prefix "example.com" at "${stored('example.com', key)}"\n`,
  );
  expect(await listed()).toEqual([]);
  expect(await rkt(['rm', key])).toMatchObject({
    status: 254,
    stderr: `rkt: key ${key} is not trusted\nrkt: see "rkt trust list"\n`,
  });
});
