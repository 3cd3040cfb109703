import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { quiet } from '../../../runtime/base/log.ts';
import { type Credentials, readCredentials } from '../../../runtime/image/http/credentials.ts';

let dir: string;
let warnings: string[];
const places = ['system', 'local', 'user'] as const;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-auth-'));
  warnings = [];
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function put(place: (typeof places)[number], name: string, content: unknown, mode = 0o600): string {
  const file = join(dir, place, 'auth.d', name);
  mkdirSync(join(dir, place, 'auth.d'), { recursive: true });
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(file, mode);
  return file;
}

const read = (): Credentials =>
  readCredentials(
    places.map((place) => join(dir, place)),
    { ...quiet, warn: (message) => warnings.push(message) },
  );

const auth = (domains: unknown, type: unknown, credentials: unknown): object => ({
  rktKind: 'auth',
  rktVersion: 'v1',
  domains,
  type,
  credentials,
});
const docker = (registries: unknown, credentials: unknown): object => ({
  rktKind: 'dockerAuth',
  rktVersion: 'v1',
  registries,
  credentials,
});
const account = { user: 'foo', password: 'bar' };

describe('what is found', () => {
  test('nothing where there are no directories', () => {
    expect([read().authorization('coreos.com'), read().registry('quay.io')]).toEqual([undefined, undefined]);
  });

  test('basic and bearer, for their hosts and no others', () => {
    put('local', 'basic.json', auth(['coreos.com', 'Tectonic.com:8443'], 'basic', account));
    put('local', 'oauth.json', auth(['kubernetes.io:443'], 'oauth', { token: 'sometoken' }));
    put('local', 'README', 'not read');
    const credentials = read();
    const hosts = ['coreos.com', 'tectonic.com:8443', 'tectonic.com', 'sub.coreos.com', 'kubernetes.io'];
    expect(hosts.map((host) => credentials.authorization(host))).toEqual([
      'Basic Zm9vOmJhcg==',
      'Basic Zm9vOmJhcg==',
      undefined,
      undefined,
      'Bearer sometoken',
    ]);
    expect(warnings).toEqual([]);
  });

  test('later directories override host by host', () => {
    put('system', 'all.json', auth(['coreos.com', 'tectonic.com', 'kubernetes.io'], 'oauth', { token: 'common' }));
    put('local', 'coreos.json', auth(['coreos.com'], 'basic', account));
    put('user', 'tectonic.json', auth(['tectonic.com'], 'oauth', { token: 'mine' }));
    const credentials = read();
    expect(['coreos.com', 'tectonic.com', 'kubernetes.io'].map((host) => credentials.authorization(host))).toEqual([
      'Basic Zm9vOmJhcg==',
      'Bearer mine',
      'Bearer common',
    ]);
  });

  test('those of registries are of another kind', () => {
    put('local', 'docker.json', docker(['quay.io', 'localhost:5000'], account));
    put('local', 'web.json', auth(['quay.io'], 'oauth', { token: 't' }));
    const credentials = read();
    expect(credentials.registry('quay.io')).toEqual(account);
    expect(credentials.registry('localhost:5000')).toEqual(account);
    expect(credentials.registry('coreos.com')).toBe(undefined);
    expect(credentials.authorization('quay.io')).toBe('Bearer t');
    expect(credentials.authorization('localhost:5000')).toBe(undefined);
  });

  test('a password may be a whole file, as service accounts have it', () => {
    const key = { user: '_json_key', password: '{\n  "type": "service_account"\n}\n' };
    put('local', 'docker.json', docker(['gcr.io'], key));
    expect(read().registry('gcr.io')).toEqual(key);
  });

  test('a file that others can read is used with a warning', () => {
    const file = put('local', 'open.json', auth(['coreos.com'], 'basic', account), 0o644);
    expect(read().authorization('coreos.com')).toBe('Basic Zm9vOmJhcg==');
    expect(warnings).toEqual([
      `${file} holds credentials, but others than its owner can get at it (mode 0644); chmod 600 is better`,
    ]);
  });
});

describe('what is refused', () => {
  test.each<[unknown, string]>([
    ['{"credentials": {"password": "secret"', 'it is not JSON'],
    [[], 'the file must be an object'],
    [{ rktKind: 'paths', rktVersion: 'v1' }, 'rktKind must be "auth" or "dockerAuth", is "paths"'],
    [{ rktKind: 'auth', rktVersion: 'v2' }, 'rktVersion must be "v1", is "v2"'],
    [auth([], 'basic', account), 'domains must be a list of hosts that is not empty'],
    [auth('coreos.com', 'basic', account), 'domains must be a list of hosts that is not empty'],
    [
      auth(['a.com', 'https://b.com'], 'basic', account),
      'domains[1] must be a host, with or without a port, is "https://b.com"',
    ],
    [auth(['a.com/path'], 'basic', account), 'domains[0] must be a host, with or without a port, is "a.com/path"'],
    [auth(['a.com'], 'aws', {}), 'type must be "basic" or "oauth", is "aws"'],
    [auth(['a.com'], 'basic', undefined), 'credentials must be an object'],
    [auth(['a.com'], 'basic', { user: 'foo' }), 'credentials.password must be a text that is not empty'],
    [auth(['a.com'], 'basic', { user: '', password: 'x' }), 'credentials.user must be a text that is not empty'],
    [auth(['a.com'], 'basic', { user: 'a:b', password: 'x' }), 'credentials.user must not have a ":"'],
    [auth(['a.com'], 'oauth', { token: 'a\r\nX: y' }), 'credentials.token must not have control characters'],
    [docker(['quay.io'], { user: 'foo' }), 'credentials.password must be a text that is not empty'],
    [docker(undefined, account), 'registries must be a list of hosts that is not empty'],
  ])('%j', (content, reason) => {
    const file = put('local', 'bad.json', content);
    expect(read).toThrow(`configuration file ${file}: ${reason}`);
  });

  test('one host twice in one directory', () => {
    const first = put('local', 'a.json', auth(['coreos.com'], 'basic', account));
    const second = put('local', 'b.json', auth(['CoreOS.com'], 'oauth', { token: 't' }));
    expect(read).toThrow(`configuration file ${second}: coreos.com is in ${first} already`);
  });

  test('a secret is not quoted in the error', () => {
    put('local', 'bad.json', '{"credentials": {"password": "hunter2"');
    let text = '';
    try {
      read();
    } catch (error) {
      text = `${String(error)} ${String((error as Error).cause)}`;
    }
    expect(text).toContain('it is not JSON');
    expect(text).not.toContain('hunter2');
  });
});
