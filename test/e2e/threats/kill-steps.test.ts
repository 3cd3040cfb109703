/**
 * `kill -9` before each single step that changes something: of prepare, run, run-prepared, rm, gc, export and fetch. The next command works,
 * and gc brings everything back. What is tried by default is a sample; RKT_TEST_EVERY_STEP=1 tries all.
 */

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { everyStep, numbersToTry, StepKiller } from '../../support/kill-steps.ts';
import { Sandbox } from '../../support/sandbox.ts';

jest.setTimeout(everyStep ? 3_600_000 : 180_000);

const image = 'example.com/busybox';
const isolated = ['--private-net', '--mds-register=false'];
const everything = ['gc', '--grace-period=0s', '--expire-prepared=0s'];
let host: Sandbox;
let archive: string;
let killer: StepKiller;

const pods = (...names: string[]): string => join(host.dataDir, 'pods', ...names);

beforeAll(async () => {
  host = await Sandbox.create();
  archive = join(host.dir, 'busybox.aci');
  await makeImage({ name: image, exec: ['/bin/true'], output: archive });
  host.ok(['-insecure-skip-verify', 'fetch', archive]);
  // So that all directories are there.
  host.ok(['run', ...isolated, image]);
  host.ok(everything);
  killer = new StepKiller(host);
});

afterAll(() => host.destroy());

/** Control groups of pods that are gone. */
const groupsOf = (uuids: readonly string[]): string[] =>
  readdirSync('/sys/fs/cgroup').flatMap((hierarchy) => {
    try {
      const names = readdirSync(join('/sys/fs/cgroup', hierarchy));
      return names.filter((name) => uuids.some((uuid) => name.includes(uuid.replaceAll('-', '\\x2d'))));
    } catch {
      return [];
    }
  });

/** Whatever there is can be listed, and after one gc nothing of it is left. */
function expectCollected(): void {
  host.ok(['list', '--format=json']);
  const uuids = host.uuids();
  // Of a pod whose monitor was killed the kernel ends the processes, and with them the lock, a moment later.
  for (const uuid of uuids) if (existsSync(pods('run', uuid))) host.ok(['status', '--wait', uuid]);
  host.ok(everything);
  expect(host.uuids()).toEqual([]);
  expect(readdirSync(pods('names'))).toEqual([]);
  expect(host.leftovers()).toEqual([]);
  expect(groupsOf(uuids)).toEqual([]);
}

interface Case {
  readonly args: readonly string[];
  readonly samples: number;
  readonly who?: 'first' | 'all';
  /** What must be there for the command. */
  readonly before?: () => void;
  /** What must work after it was killed. */
  readonly after?: () => void;
  readonly collected?: () => void;
}

/** Kills the command before one step after the other. */
function killEach({ args, samples, who = 'first', before, after, collected = expectCollected }: Case): void {
  before?.();
  const count = killer.count(args, who);
  collected();
  let kills = 0;
  for (const number of numbersToTry(count, samples)) {
    before?.();
    const step = killer.run(args, who, number).before;
    if (step !== undefined) kills++;
    try {
      after?.();
      collected();
    } catch (cause) {
      throw new Error(`killed before step ${number} of ${count}, ${step}: ${(cause as Error).message}`, { cause });
    }
  }
  // Threads make a step more or less, so the last ones may not come.
  expect(kills).toBeGreaterThan(numbersToTry(count, samples).length * 0.7);
}

describe('kill -9 before each step', () => {
  test('of prepare: the name is free, or that of a pod which can be run', () => {
    killEach({
      args: ['prepare', '--pod-name=p', image],
      samples: 12,
      after: () => {
        if (host.rkt(['run-prepared', 'p']).status !== 0) host.ok(['run', '--pod-name=p', image]);
      },
    });
  });

  test('of run, and of the monitor that it becomes', () => {
    killEach({ args: ['run', ...isolated, '--pod-name=r', image], samples: 26 });
  });

  test('of everybody in the start of a pod', () => {
    killEach({ args: ['run', ...isolated, '--pod-name=r', image], samples: 12, who: 'all' });
  });

  test('of run-prepared', () => {
    killEach({
      args: ['run-prepared', ...isolated, 'p'],
      samples: 10,
      before: () => host.ok(['prepare', '--pod-name=p', image]),
      after: () => {
        // It is as it was and can be run, or it is over.
        const uuids = host.uuids();
        expect(uuids).toHaveLength(1);
        if (existsSync(pods('prepared', uuids[0] as string))) host.ok(['run-prepared', 'p']);
        expect(host.ok(['status', '--wait', uuids[0] as string])).toMatch(/^state=exited\n/);
      },
    });
  });

  test('of rm: another one removes the pod, and the name is free', () => {
    killEach({
      args: ['rm', 'x'],
      samples: 10,
      before: () => host.ok(['run', ...isolated, '--pod-name=x', image]),
      after: () => {
        host.rkt(['rm', 'x']);
        host.ok(['run', '--pod-name=x', image]);
      },
    });
  });

  test('of gc, with pods in all states', () => {
    killEach({
      args: everything,
      samples: 12,
      before: () => {
        host.ok(['run', ...isolated, '--pod-name=a', image]);
        host.ok(['prepare', '--pod-name=b', image]);
        mkdirSync(pods('prepare', '00000000-0000-4000-8000-000000000001'));
      },
    });
  });

  test('of export: the pod is as it was, and no image looks whole that is not', () => {
    const output = join(host.dir, 'exported', 'x.aci');
    mkdirSync(join(host.dir, 'exported'));
    host.ok(['run', '--pod-name=e', image, '--exec=/bin/sh', '--', '-c', 'echo made > /made']);
    killEach({
      args: ['export', '--overwrite', 'e', output],
      samples: 10,
      who: 'all',
      collected: () => {
        if (existsSync(output)) expect(host.exec(['tar', '-tf', output]).status).toBe(0);
        host.ok(['export', '--overwrite', 'e', output]);
        expect(host.exec(['tar', '-tf', output]).stdout).toContain('rootfs/made\n');
        expect(readdirSync(join(host.dir, 'exported'))).toEqual(['x.aci']);
        rmSync(output);
      },
    });
    expectCollected();
  });

  test.each<[string, 'first' | 'all', number]>([
    ['by itself', 'first', 12],
    ['and of what it leaves behind', 'all', 5],
  ])('of fetch, %s: the next one stores the image, whole', (_whose, who, samples) => {
    const dir = join(host.dir, 'other');
    const rkt = (...args: string[]): string => host.ok([`--dir=${dir}`, '--insecure-options=image', ...args]);
    killEach({
      args: [`--dir=${dir}`, '--insecure-options=image', 'fetch', archive],
      samples,
      who,
      collected: () => {
        rkt('image', 'list', '--format=json');
        const id = rkt('fetch', '--full', archive).trim();
        rkt('image', 'verify', id);
        expect(readdirSync(join(dir, 'images', 'tmp'))).toEqual([]);
        expect(readdirSync(join(dir, 'images', 'trees'))).toHaveLength(1);
        rkt('run', image);
        rmSync(dir, { recursive: true });
      },
    });
  });
});
