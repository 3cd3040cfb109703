/** `rkt status` with its ways of waiting, `rkt list` with its filters, JSON, and `rkt events`. */

import { mkdirSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { type Running, rktPath, Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const busybox = 'example.com/busybox';
const script = (text: string): string[] => [busybox, '--exec', '/bin/sh', '--', '-c', text];

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: busybox, exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s', '--expire-prepared=0s']);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

/** A pod that runs until it is given a line. */
async function running(
  name: string,
): Promise<{ pod: Running; uuid: string; end: (code?: number) => Promise<unknown> }> {
  const pod = host.start(['run', `--pod-name=${name}`, ...script('echo up; read code; exit $code')]);
  await pod.prints(/up/);
  const uuid = /^[0-9a-f-]{36}$/m.exec(host.ok(['list', '--quiet', '--state=running']))?.[0] as string;
  const end = (code = 0): Promise<unknown> => {
    pod.child.stdin?.end(`${code}\n`);
    return pod.ended;
  };
  return { pod, uuid, end };
}

/** A command that waits: it has its watches when the kernel has told of them. */
async function waiting(...args: string[]): Promise<Running> {
  const command = host.start(args);
  const count = `cat /proc/${command.pid}/fdinfo/* 2>/dev/null | grep -c ^inotify`;
  // The phases, and the pod's directory: it has looked, and sleeps.
  host.exec(['sh', '-c', `until test "$(${count})" -ge 7; do :; done`]);
  return command;
}

describe('status --wait', () => {
  test('ends when the pod does, with its exit codes', async () => {
    const { uuid, end } = await running('w');
    const wait = await waiting('status', '--wait', 'w');
    await end(3);
    expect((await wait.ended).status).toBe(0);
    expect(wait.stdout).toMatch(/^state=exited\nname=w\n[\s\S]*\nexited=true\napp-busybox=3\n$/);
    expect(host.ok(['status', '--wait', uuid])).toBe(wait.stdout);
  });

  test('ends when the monitor is killed, which writes nothing', async () => {
    const { pod, uuid } = await running('k');
    const wait = await waiting('status', '--wait', uuid);
    pod.child.kill('SIGKILL');
    expect((await wait.ended).status).toBe(0);
    expect(wait.stdout).toMatch(/^state=exited\n[\s\S]*\nexited=true\n$/);
  });

  test('goes on while a prepared pod is started, and when gc moves what has exited', async () => {
    const uuid = host.ok(['prepare', ...script('echo up; read line')]).trim();
    const wait = host.start(['status', '--wait', uuid]);
    const pod = host.start(['run-prepared', uuid]);
    await pod.prints(/up/);
    expect(wait.stdout).toBe('');
    pod.child.stdin?.end('\n');
    await pod.ended;
    host.ok(['gc']);
    expect((await wait.ended).status).toBe(0);
    expect(wait.stdout).toMatch(/^state=exited( garbage)?\n/);
  });

  test('says that the pod was removed', async () => {
    const uuid = host.ok(['prepare', busybox]).trim();
    const wait = await waiting('status', '--wait', uuid);
    host.ok(['rm', uuid]);
    const { status } = await wait.ended;
    // It may just have seen the pod in the garbage, which is an end as well.
    if (status === 0) expect(wait.stdout).toMatch(/^state=(garbage|deleting)\n/);
    else expect([status, wait.stderr]).toEqual([254, `rkt: pod ${uuid} was removed while it was waited for\n`]);
  });

  test('takes a duration: zero is not at all, a negative one for ever', async () => {
    const { uuid, end } = await running('d');
    expect(host.rkt(['status', '--wait=10ms', 'd'])).toMatchObject({
      status: 254,
      stdout: '',
      stderr: `rkt: pod ${uuid} has not ended after 0.01 s\n`,
    });
    for (const value of ['0s', 'false'])
      expect(host.ok(['status', `--wait=${value}`, 'd'])).toMatch(/^state=running\n/);
    expect(host.rkt(['status', '--wait=soon', 'd']).stderr).toContain('rkt: invalid value "soon" for --wait: ');
    const wait = await waiting('status', '--wait=-1s', 'd');
    await end();
    expect((await wait.ended).status).toBe(0);
  });
});

describe('status --wait-ready', () => {
  test('ends when all apps have started', async () => {
    const uuid = host.ok(['prepare', ...script('echo up; read line')]).trim();
    const wait = await waiting('status', '--wait-ready', '--verbose', uuid);
    const pod = host.start(['run-prepared', uuid]);
    expect((await wait.ended).status).toBe(0);
    expect(wait.stdout).toMatch(/^state=running\n[\s\S]*\nready=true\n/);
    pod.child.stdin?.end('\n');
    await pod.ended;
  });

  test('ends when the file is there, or fails with the pod', async () => {
    // Whether or not this stage1 makes the file: its presence is what counts.
    const dir = join(host.dataDir, 'pods', 'prepared');
    const uuid = host.ok(['prepare', busybox]).trim();
    const wait = await waiting('status', '--wait-ready', '--verbose', uuid);
    writeFileSync(join(dir, uuid, 'ready'), '');
    expect((await wait.ended).status).toBe(0);
    expect(wait.stdout).toContain('\nready=true\n');
    const other = host.ok(['prepare', busybox]).trim();
    const fails = await waiting('status', '--wait-ready', other);
    mkdirSync(join(host.dataDir, 'pods', 'exited-garbage'), { recursive: true });
    renameSync(join(dir, other), join(host.dataDir, 'pods', 'exited-garbage', other));
    expect((await fails.ended).status).toBe(254);
    expect(fails.stderr).toBe(`rkt: pod ${other} has ended and was never ready\n`);
  });
});

describe('list and status for programs', () => {
  test('have the members of rkt’s API', async () => {
    const { uuid, end } = await running('api');
    const [listed] = JSON.parse(host.ok(['list', '--format=json']));
    const image = { image_id: expect.stringMatching(/^sha512-[0-9a-f]{128}$/), restarts: 0 };
    expect(listed).toMatchObject({
      name: uuid,
      pod_name: 'api',
      state: 'running',
      networks: [],
      app_names: ['busybox'],
      apps: [{ ...image, name: 'busybox', state: 'running', pid: expect.any(Number) }],
      pid: expect.any(Number),
    });
    expect(listed.created_at).toBeLessThanOrEqual(listed.started_at);
    expect(listed.apps[0].started_at / 1e9).toBeGreaterThanOrEqual(listed.created_at);
    expect(listed).toEqual(JSON.parse(host.ok(['status', '--format=json-pretty', uuid])));
    await end(5);
    const { state, apps } = JSON.parse(host.ok(['status', '--format=json', 'api']));
    expect([state, apps[0]]).toMatchObject(['exited', { ...image, state: 'exited', exit_code: 5 }]);
    expect(host.rkt(['list', '--format=yaml']).stderr).toBe(
      'rkt: invalid value "yaml" for --format: must be json, json-pretty or table\n',
    );
  });

  test('a list is one of states, or of UUIDs', async () => {
    const prepared = host.ok(['prepare', busybox]).trim();
    host.ok(['run', busybox]);
    const exited = host.uuids().find((uuid) => uuid !== prepared) as string;
    expect(host.ok(['list', '-q']).split('\n').sort()).toEqual(['', exited, prepared].sort());
    expect(host.ok(['list', '--quiet', '--state=exited,running'])).toBe(`${exited}\n`);
    expect(host.ok(['list', '--quiet', '--state=exited-garbage'])).toBe('');
    expect(host.rkt(['list', '--state=gone']).stderr).toContain('rkt: invalid value "gone" for --state\n');
  });

  test('what a power cut has damaged is said, and the rest shown', () => {
    const uuid = host.ok(['prepare', '--pod-name=cut', busybox]).trim();
    const dir = join(host.dataDir, 'pods', 'prepared', uuid);
    for (const file of ['pod', 'settings.json']) truncateSync(join(dir, file), 3);
    writeFileSync(join(dir, 'status', 'busybox'), '');
    for (const args of [['list'], ['list', '--format=json'], ['status', 'cut'], ['status', '--verbose', uuid]]) {
      const { status, stdout, stderr } = host.rkt(args);
      expect([status, stdout]).toEqual([0, expect.stringContaining('prepared')]);
      expect(stderr).toMatch(/^rkt: warning: .*\/pod is damaged: /);
    }
    expect(host.rkt(['cat-manifest', 'cut'])).toMatchObject({
      status: 254,
      stdout: '',
      stderr: expect.stringMatching(/^rkt: [^\n]*\/pod is damaged: [^\n]*\n$/),
    });
  });
});

describe('events', () => {
  const kinds = (text: string, uuid: string): string[] =>
    text.split('\n').flatMap((line) => {
      const [, , , id, ...words] = line.split(' ');
      return id === uuid ? [words.join(' ')] : [];
    });

  test('tell the life of a pod in its order, and end on Ctrl-C', async () => {
    const events = await eventsOf(6);
    const uuid = host.ok(['prepare', '--pod-name=ev', ...script('exit 4')]).trim();
    expect(host.rkt(['run-prepared', 'ev']).status).toBe(4);
    host.ok(['rm', 'ev']);
    await events.prints(new RegExp(`${uuid} removed`));
    events.child.kill('SIGINT');
    expect(await events.ended).toEqual({ status: 0, signal: null });
    expect(kinds(events.stdout, uuid).filter((line) => !line.startsWith('ready'))).toEqual([
      'prepared name=ev',
      'started name=ev',
      'app-started app=busybox name=ev',
      'app-exited app=busybox code=4 name=ev',
      'exited name=ev',
      'garbage name=ev',
      'removed name=ev',
    ]);
    expect(events.stderr).toBe('');
  });

  test('of many pods at once are all there', async () => {
    const events = await eventsOf(6, '--format=json');
    const pods = Array.from({ length: 20 }, (_, code) => host.start(['run', ...script(`exit ${code}`)]));
    await Promise.all(pods.map((pod) => pod.ended));
    const uuids = host.uuids();
    host.ok(['gc', '--grace-period=0s']);
    for (const uuid of uuids) await events.prints(new RegExp(`${uuid}","event":"removed"`));
    events.child.kill('SIGTERM');
    await events.ended;
    const all = events.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    for (const event of ['started', 'app-started', 'exited', 'garbage', 'removed']) {
      expect(
        all
          .filter((one) => one.event === event)
          .map(({ uuid }) => uuid)
          .sort(),
      ).toEqual([...uuids].sort());
    }
    const codes = all.filter(({ event }) => event === 'app-exited').map(({ code }) => code);
    expect(codes.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, code) => code));
  }, 120_000);

  test('of one pod end with it, and begin in the past where that is wanted', async () => {
    expect(host.rkt(['run', '--pod-name=one', ...script('exit 9')]).status).toBe(9);
    const [uuid = ''] = host.uuids();
    const events = host.start(['events', '--since=1h', 'one']);
    await events.prints(/ exited/);
    const other = host.ok(['prepare', busybox]).trim();
    host.ok(['rm', uuid]);
    expect((await events.ended).status).toBe(0);
    expect(kinds(events.stdout, uuid).at(-1)).toMatch(/^removed/);
    expect(kinds(events.stdout, uuid)).toContain('app-exited app=busybox code=9 name=one');
    expect(events.stdout).not.toContain(other);
  });

  test('of a data directory that is not there yet are told from its first pod on', async () => {
    const dir = `--dir=${join(host.dir, 'later', 'data')}`;
    const events = await eventsOf(1, dir);
    expect(host.rkt([dir, '-insecure-skip-verify', 'run', join(host.dir, 'busybox.aci')]).status).toBe(0);
    await events.prints(/ exited/);
    events.child.kill('SIGINT');
    expect(await events.ended).toEqual({ status: 0, signal: null });
    expect(events.stdout.split('\n').map((line) => line.split(' ')[4])).toEqual(
      expect.arrayContaining(['started', 'app-started', 'app-exited', 'exited']),
    );
    host.ok([dir, 'gc', '--grace-period=0s']);
  });

  test('end when nobody reads them', () => {
    host.ok(['run', busybox]);
    const { status } = host.exec(['sh', '-c', '"$0" events --since=1h | head -n 1', rktPath]);
    expect(status).toBe(0);
  });

  /** Started, and in possession of so many watches. */
  async function eventsOf(watches: number, ...args: string[]): Promise<Running> {
    const events = host.start(['events', ...args]);
    const count = `cat /proc/${events.pid}/fdinfo/* 2>/dev/null | grep -c ^inotify`;
    host.exec(['sh', '-c', `until test "$(${count})" -ge ${watches}; do :; done`]);
    return events;
  }
});
