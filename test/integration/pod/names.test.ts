/** The index of names, with pods that are nothing but directories. */

import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { native } from '../../../native/index.ts';
import { type PodPhase, podDir, podPhases } from '../../../runtime/base/paths.ts';
import { randomUuid } from '../../../runtime/base/random.ts';
import { findPod } from '../../../runtime/pod/find.ts';
import { claimName, freeName, freeStaleNames, namesByUuid, uuidOfName } from '../../../runtime/pod/names.ts';

let dataDir: string;
let locks: number[];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'rkt-names-'));
  for (const phase of podPhases) mkdirSync(join(dataDir, 'pods', phase), { recursive: true });
  locks = [];
});
afterEach(() => {
  for (const fd of locks) closeSync(fd);
  rmSync(dataDir, { recursive: true });
});

function pod(phase: PodPhase, locked = false, uuid = randomUuid()): string {
  const dir = podDir(dataDir, phase, uuid);
  mkdirSync(dir);
  if (!locked) return uuid;
  const fd = openSync(dir, 'r');
  native.flock(fd, 'exclusive', true);
  locks.push(fd);
  return uuid;
}

const names = (): string[] => readdirSync(join(dataDir, 'pods', 'names')).sort();

describe('a name', () => {
  test('is a link that says the uuid, in a directory that is made when it is needed', () => {
    const uuid = pod('prepare', true);
    claimName(dataDir, 'web', uuid);
    expect(readlinkSync(join(dataDir, 'pods', 'names', 'web'))).toBe(uuid);
    expect(uuidOfName(dataDir, 'web')).toBe(uuid);
    expect(namesByUuid(dataDir)).toEqual(new Map([[uuid, 'web']]));
  });

  test.each([
    ['prepare', true, 'choose another name, or "rkt rm web"'],
    ['prepared', false, 'choose another name, or "rkt rm web"'],
    ['run', true, 'choose another name, or stop and remove that pod'],
    ['run', false, 'choose another name, "rkt rm web", or take the name from it with --replace'],
  ] as const)('belongs to a pod in phase %s, locked: %s', (phase, locked, hint) => {
    const holder = pod(phase, locked);
    claimName(dataDir, 'web', holder);
    const error = expect.objectContaining({
      message: `--pod-name "web": pod ${holder} has that name`,
      code: 'ENAME',
      hint,
    });
    expect(() => claimName(dataDir, 'web', pod('prepare', true))).toThrow(error as unknown as Error);
    expect(uuidOfName(dataDir, 'web')).toBe(holder);
  });

  test.each([
    ['prepare', true, 'rkt rm web'],
    ['prepared', false, 'rkt rm web'],
    ['run', true, 'rkt stop web'],
    ['run', false, undefined],
  ] as const)('is replaced where its pod has exited: in phase %s, locked: %s', (phase, locked, first) => {
    const holder = pod(phase, locked);
    claimName(dataDir, 'web', holder);
    const next = pod('prepare', true);
    const claim = () => claimName(dataDir, 'web', next, true);
    if (first === undefined) claim();
    else {
      const error = expect.objectContaining({
        message: `--pod-name "web": pod ${holder} has that name`,
        hint: `--replace takes a name only from a pod that has exited: "${first}"`,
      });
      expect(claim).toThrow(error as unknown as Error);
    }
    expect(uuidOfName(dataDir, 'web')).toBe(first === undefined ? next : holder);
  });

  test.each(['embryo', 'prepare', 'exited-garbage', 'garbage'] as const)(
    'left by a pod in phase %s is taken over',
    (phase) => {
      claimName(dataDir, 'web', pod(phase));
      const next = pod('prepare', true);
      claimName(dataDir, 'web', next);
      expect(uuidOfName(dataDir, 'web')).toBe(next);
      expect(names()).toEqual(['web']);
    },
  );

  test('left by a pod that is gone, or that says nothing, is taken over', () => {
    claimName(dataDir, 'web', randomUuid());
    claimName(dataDir, 'web', pod('prepare', true));
    symlinkSync('truncat', join(dataDir, 'pods', 'names', 'odd'));
    const next = pod('prepare', true);
    claimName(dataDir, 'odd', next);
    expect(uuidOfName(dataDir, 'odd')).toBe(next);
  });

  test('is freed by its pod only, and by gc where it is stale', () => {
    const [first, second] = [pod('run'), pod('run')];
    claimName(dataDir, 'one', first);
    claimName(dataDir, 'two', second);
    freeName(dataDir, 'one', second);
    expect(names()).toEqual(['one', 'two']);
    freeName(dataDir, 'one', first);
    renameSync(podDir(dataDir, 'run', second), podDir(dataDir, 'exited-garbage', second));
    freeStaleNames(dataDir);
    expect(names()).toEqual([]);
  });
});

describe('a pod is found', () => {
  test('by its name before a beginning of a uuid, by eight digits always by the uuid', () => {
    const named = pod('run', false, '11111111-1111-4111-8111-111111111111');
    const prefixed = pod('run', false, 'cafe1111-1111-4111-8111-111111111111');
    expect(findPod(dataDir, 'cafe').uuid).toBe(prefixed);
    claimName(dataDir, 'cafe', named);
    expect(findPod(dataDir, 'cafe').uuid).toBe(named);
    expect(findPod(dataDir, 'cafe1').uuid).toBe(prefixed);
    // Not made by rkt, but there: what looks like a uuid is none.
    symlinkSync(named, join(dataDir, 'pods', 'names', 'cafe1111'));
    expect(findPod(dataDir, 'cafe1111').uuid).toBe(prefixed);
  });

  test('by a whole uuid in either case, but not by something else', () => {
    const uuid = pod('prepared');
    expect(findPod(dataDir, uuid.toUpperCase())).toMatchObject({ uuid, phase: 'prepared', state: 'prepared' });
    for (const text of ['nope', randomUuid(), '../run', '', `${uuid}0`]) {
      expect(() => findPod(dataDir, text)).toThrow(`no pod matches "${text}"`);
    }
  });
});
