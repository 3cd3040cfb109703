/**
 * Verification between `rkt prepare` and `rkt run-prepared`: what `run` refuses to execute now, a pod that was prepared before does not
 * execute either.
 */

import { writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { FetchHost, type Outcome } from '../../support/fetch-host.ts';

const identity = 'Carly Container <carly@example.com>';
const off = '--insecure-options=image';
const name = 'example.com/app';
const dependent = 'example.com/dependent';
let host: FetchHost;
let key: string;

/** Signed by the key, as files. */
async function publish(image: string, more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const file = host.path(`${image.split('/')[1]}.aci`);
  const bytes = await host.image({ name: image, exec: ['/bin/echo', 'it ran'] }, more);
  writeFileSync(file, bytes);
  writeFileSync(`${file}.asc`, host.gpg.sign(bytes, { by: [key] }));
  return file;
}

let app: string;
let above: string;

beforeAll(async () => {
  host = await FetchHost.create('example.com');
  key = host.gpg.generate(identity);
  app = await publish(name);
  above = await publish(dependent, { dependencies: [{ imageName: name }] });
});

afterEach(async () => {
  await host.rkt(['gc', '--grace-period=0s', '--expire-prepared=0s']);
  expect(host.sandbox.uuids()).toEqual([]);
  expect(host.sandbox.leftovers()).toEqual([]);
  host.reset();
});

afterAll(() => host.close());

const ok = async (...args: string[]): Promise<string> => {
  const { status, stdout, stderr } = await host.rkt(args);
  if (status !== 0) throw new Error(`rkt ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout.trim();
};

const refusal = (image: string, id: string): RegExp =>
  new RegExp(`image ${image} \\(${id}\\) is not verified: no key that signed it is trusted\nrkt: `);

async function expectStays(uuid: string): Promise<void> {
  expect(await ok('status', uuid)).toMatch(/^state=prepared\n/);
}

/** `run` and `run-prepared` refuse for the same reason. */
async function expectRefused(uuid: string, image: string, id: string, asked = image): Promise<void> {
  const run = await host.rkt(['run', asked]);
  expect([run.status, run.stdout, run.stderr]).toEqual([254, '', expect.stringMatching(refusal(image, id))]);
  const prepared: Outcome = await host.rkt(['run-prepared', uuid]);
  expect(prepared).toEqual({
    status: 254,
    stdout: '',
    stderr: run.stderr.replace(/^rkt: /, `rkt: app "${asked.split('/')[1]}": `),
  });
  await expectStays(uuid);
}

describe('an image that nobody could judge, prepared with verification switched off', () => {
  test('is not run without that, and is once a key is trusted', async () => {
    const id = await ok('fetch', app);
    const uuid = await ok(off, 'prepare', name);
    await expectRefused(uuid, name, id);
    await host.trust(name, key);
    expect(await host.rkt(['run-prepared', uuid])).toEqual({
      status: 0,
      stdout: 'it ran\n',
      stderr: `rkt: signature verified:\n  ${identity}\n`,
    });
  });

  test('is run with verification switched off once more', async () => {
    await ok('fetch', app);
    const uuid = await ok(off, 'prepare', name);
    expect(await host.rkt([off, 'run-prepared', uuid])).toMatchObject({ status: 0, stdout: 'it ran\n' });
  });

  test('is not run where the key was trusted and is no longer, before anything was verified', async () => {
    const id = await ok('fetch', app);
    const uuid = await ok(off, 'prepare', name);
    await host.trust(name, key);
    await ok('trust', 'rm', key);
    await expectRefused(uuid, name, id);
  });

  test('is not run as the dependency of another either', async () => {
    await host.trust(dependent, key);
    const id = await ok('fetch', app);
    await ok(off, 'fetch', '--pull-policy=new', above);
    const uuid = await ok(off, 'prepare', dependent);
    await expectRefused(uuid, name, id, dependent);
    await host.trust(name, key);
    expect(await host.rkt(['run-prepared', uuid])).toMatchObject({ status: 0, stdout: 'it ran\n' });
  });
});

test('an image that was verified stays verified, for run and run-prepared alike, when its key is not trusted any more', async () => {
  await host.trust('example.com', key);
  await ok('fetch', app);
  await ok('fetch', '--pull-policy=new', above);
  const pods = [await ok('prepare', name), await ok('prepare', dependent)];
  await ok('trust', 'rm', key);
  for (const image of [name, dependent]) expect(await ok('run', image)).toBe('it ran');
  for (const uuid of pods) expect(await ok('run-prepared', uuid)).toBe('it ran');
});
