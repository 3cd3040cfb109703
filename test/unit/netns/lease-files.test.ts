import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { fileLeases, leaseFile } from '../../../netns/lease-files.ts';
import type { Lease } from '../../../netns/leases.ts';

const uuid = '01234567-89ab-4cde-8f01-23456789abcd';
const podDirectory = '/srv/a "b"\nc/pods/run';
const lease: Lease = { ip: '172.16.28.3', uuid, kind: 'default', dir: podDirectory };

let root: string;
let dir: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rkt-leases-'));
  dir = join(root, 'networks', 'default');
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

test('a lease is a file that the next process reads', () => {
  expect(fileLeases(dir).locked((leases) => leases.add(lease))).toBe(true);
  expect(readFileSync(leaseFile(dir, lease.ip), 'latin1')).toBe(`${uuid} default ${JSON.stringify(podDirectory)}\n`);
  expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(fileLeases(dir).locked((leases) => leases.list())).toEqual([lease]);
});

test('an address is given once', () => {
  const added = fileLeases(dir).locked((leases) => [
    leases.add(lease),
    leases.add({ ...lease, uuid: uuid.replace('0', 'f') }),
  ]);
  expect(added).toEqual([true, false]);
  expect(fileLeases(dir).locked((leases) => leases.list())).toEqual([lease]);
});

test('removing is idempotent', () => {
  fileLeases(dir).locked((leases) => {
    leases.add(lease);
    leases.remove(lease.ip);
    leases.remove(lease.ip);
  });
  expect(readdirSync(dir)).toEqual(['lock']);
});

test.each([`${uuid} default\n`, `${uuid} default "/\\x"\n`])('a lease that tells no directory (%j) is kept', (text) => {
  fileLeases(dir).locked(() => undefined);
  writeFileSync(leaseFile(dir, lease.ip), text);
  expect(fileLeases(dir).locked((leases) => leases.list())).toMatchObject([{ ip: lease.ip, uuid, kind: 'default' }]);
  expect(fileLeases(dir).locked((leases) => leases.list()[0]?.dir)).toBeUndefined();
});

test('the address given last is remembered, whatever its length', () => {
  fileLeases(dir).locked((leases) => {
    expect(leases.last).toBeUndefined();
    leases.setLast('172.16.28.253');
    leases.setLast('172.16.28.3');
    expect(leases.last).toBe('172.16.28.3');
  });
  expect(fileLeases(dir).locked((leases) => leases.last)).toBe('172.16.28.3');
  writeFileSync(join(dir, 'lock'), 'garbage');
  expect(fileLeases(dir).locked((leases) => leases.last)).toBeUndefined();
});

test('who an address was given to last is remembered for each, beyond the lease', () => {
  const other = uuid.replace('0', 'f');
  fileLeases(dir).locked((leases) => {
    expect(leases.holder(lease.ip)).toBeUndefined();
    leases.add(lease);
    leases.add({ ...lease, ip: '172.16.28.253', uuid: other });
    leases.remove(lease.ip);
    leases.setLast('172.16.28.253');
  });
  fileLeases(dir).locked((leases) => {
    expect(leases.last).toBe('172.16.28.253');
    expect(['172.16.28.3', '172.16.28.5', '172.16.28.253'].map((ip) => leases.holder(ip))).toEqual([
      uuid,
      undefined,
      other,
    ]);
    leases.add({ ...lease, uuid: other });
    expect(leases.holder(lease.ip)).toBe(other);
  });
});

test.each(['', '01234567', `${uuid} default`, `${uuid} bridge\n`])('a half-written lease (%j) is removed', (text) => {
  fileLeases(dir).locked((leases) => leases.add(lease));
  writeFileSync(leaseFile(dir, '172.16.28.5'), text);
  writeFileSync(join(dir, 'README'), 'not a lease');
  expect(fileLeases(dir).locked((leases) => leases.list())).toEqual([lease]);
  expect(existsSync(leaseFile(dir, '172.16.28.5'))).toBe(false);
  expect(existsSync(join(dir, 'README'))).toBe(true);
});

test('a directory that cannot be used is named', () => {
  writeFileSync(join(root, 'networks'), 'a file');
  expect(() => fileLeases(dir).locked(() => undefined)).toThrow(
    expect.objectContaining({
      code: 'ELEASE',
      message: expect.stringMatching(
        new RegExp(`^cannot use the address leases in ${dir}: cannot open .*: not a directory$`),
      ),
    }),
  );
});

test('the lock is released when the work throws', () => {
  const work = (): never => {
    throw new Error('interrupted');
  };
  expect(() => fileLeases(dir).locked(work)).toThrow(new Error('interrupted'));
  expect(fileLeases(dir).locked(() => 'free')).toBe('free');
});
