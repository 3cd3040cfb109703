/** Pods that stay: in the background, started again, stopped, gone. As their users see them. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { makeNotifyTool } from '../support/notify-tool.ts';
import { patience } from '../support/patience.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
const image = 'example.com/busybox';
const notifying = 'example.com/notifying';

const words = (options: readonly string[], name: string, imageOptions: readonly string[], text: string): string[] => [
  'run',
  ...options,
  name,
  '--exec=/bin/sh',
  ...imageOptions,
  '--',
  '-c',
  text,
];

/** A pod that runs a shell script, in the background. Its UUID. */
function detach(text: string, options: readonly string[] = [], imageOptions: readonly string[] = []): string {
  const uuid = host.ok(words(['--detach', ...options], image, imageOptions, text)).trim();
  expect(host.uuids()).toContain(uuid);
  return uuid;
}

const podFile = (uuid: string, name: string): string => join(host.dataDir, 'pods', 'run', uuid, name);
const read = (uuid: string, name: string): string => readFileSync(podFile(uuid, name), 'utf8');
const state = (uuid: string): string | undefined => /^state=(.*)$/m.exec(host.ok(['status', uuid]))?.[1];

/** Waits for something that the kernel or another process is about to do. Gives up before jest does, and says on what. */
async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000 * patience;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await setTimeout(20);
  }
}

const monitorOf = (uuid: string): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${read(uuid, 'pid')}/status`, 'utf8'))?.[1]);

const idle = 'trap "exit 0" TERM; echo up; while :; do sleep 0.05; done';
const deaf = 'trap "" TERM INT; echo up; while :; do sleep 0.05; done';

beforeAll(async () => {
  host = await Sandbox.create();
  const file = (name: string): string => join(host.dir, `${name}.aci`);
  await makeImage({ name: image, exec: ['/bin/true'], output: file('busybox'), prepare: addBadScript });
  await makeImage({
    name: notifying,
    exec: ['/bin/true'],
    output: file('notifying'),
    annotations: [{ name: 'appc.io/executor/supports-systemd-notify', value: 'true' }],
    prepare: makeNotifyTool,
  });
  host.ok(['-insecure-skip-verify', 'fetch', file('busybox'), file('notifying')]);
});

/** Something that is there, and cannot be executed: what only stage1 finds out. */
function addBadScript(rootfs: string): void {
  writeFileSync(join(rootfs, 'bin', 'bad'), '#!/no/such/interpreter\n');
  chmodSync(join(rootfs, 'bin', 'bad'), 0o755);
}

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(() => host.destroy());

describe('rkt run --detach', () => {
  test('prints the UUID of a pod that runs then, and ends', () => {
    const { status, stdout, stderr } = host.rkt(words(['--detach'], image, [], idle));
    expect([status, stderr]).toEqual([0, '']);
    const uuid = stdout.trim();
    expect(stdout).toBe(`${uuid}\n`);
    expect([state(uuid), existsSync(podFile(uuid, 'ready'))]).toEqual(['running', true]);
    expect(host.rkt(['stop', uuid])).toMatchObject({ status: 0, stdout: `"${uuid}"\n`, stderr: '' });
    expect(state(uuid)).toBe('exited');
    expect(host.ok(['status', uuid])).toContain('app-busybox=0\n');
  });

  test('is done for an app that ends at once', () => {
    const uuid = detach('exit 3');
    expect(host.ok(['stop', uuid])).toMatch(new RegExp(`^(pod "${uuid}" is already stopped|"${uuid}")\n$`));
    expect(host.ok(['status', uuid])).toContain('app-busybox=3\n');
  });

  test('says why a pod cannot start, with the code of the foreground', () => {
    const args = ['run', '--detach', image, '--exec=/bin/bad'];
    expect(host.rkt(args)).toEqual({
      status: 254,
      signal: null,
      stdout: '',
      stderr:
        'rkt: app "busybox": executing "/bin/bad": its interpreter or dynamic loader is missing: No such file or directory\n',
    });
  });

  test('waits for an app that says when it is ready', async () => {
    const gate = join(host.dir, 'gate');
    const text = `until [ -e /gate/open ]; do sleep 0.01; done; notify -b READY=1; ${idle}`;
    host.exec(['mkdir', '-p', gate]);
    const options = ['--detach', `--volume=gate,kind=host,source=${gate}`, '--mount=volume=gate,target=/gate'];
    const run = host.start(words(options, notifying, [], text));
    await until('the app is started', () =>
      host.uuids().some((uuid) => existsSync(podFile(uuid, 'appsinfo/notifying/pid'))),
    );
    const [uuid = ''] = host.uuids();
    expect([run.stdout, existsSync(podFile(uuid, 'ready'))]).toEqual(['', false]);
    writeFileSync(join(gate, 'open'), '');
    expect([await run.ended, run.stdout]).toEqual([{ status: 0, signal: null }, `${uuid}\n`]);
    expect(existsSync(podFile(uuid, 'ready'))).toBe(true);
    host.ok(['stop', uuid]);
  });

  test('stops a pod that is not ready in time, and waits for its end', () => {
    const failed = host.rkt(words(['--detach', '--ready-timeout=300ms'], notifying, [], idle));
    const [uuid = ''] = host.uuids();
    expect(failed).toMatchObject({
      status: 254,
      stdout: '',
      stderr: `rkt: pod ${uuid} was not ready within 0.3 s and is stopped\nrkt: app "notifying" has ended before it was ready\n`,
    });
    expect(state(uuid)).toBe('exited');
  });

  test('is the only one who waits', () => {
    expect(host.rkt(words(['--ready-timeout=5s'], image, [], 'true')).stderr).toBe(
      'rkt: --ready-timeout is for pods in the background\nrkt: add --detach: nobody else waits for a pod to be ready\n',
    );
    expect(host.rkt(words(['--detach', '--ready-timeout=-5s'], image, [], 'true')).stderr).toBe(
      'rkt: invalid value for --ready-timeout: must be between 0 and 596 hours\n',
    );
  });

  test('ends with the pod when it is interrupted before', async () => {
    const run = host.start(words(['--detach'], notifying, [], deaf));
    await until('the app is started', () =>
      host.uuids().some((uuid) => existsSync(podFile(uuid, 'appsinfo/notifying/pid'))),
    );
    run.child.kill('SIGINT');
    run.child.kill('SIGINT');
    host.ok(['stop', '--force', ...host.uuids()]);
    const { status } = await run.ended;
    expect([130, 137]).toContain(status);
    expect(run.stdout).toBe('');
  });

  test('tells a service manager that waits for rkt', async () => {
    const socket = join(host.dir, 'manager');
    makeNotifyTool(host.dir.concat('/tools'));
    const manager = spawn(join(host.dir, 'tools', 'bin', 'notify'), ['-l', socket], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let heard = '';
    manager.stdout.on('data', (data: Buffer) => {
      heard += data;
    });
    const ended = once(manager, 'close');
    await once(manager.stdout, 'data');
    const env = { NOTIFY_SOCKET: socket };
    const uuid = host
      .ok(words(['--detach', '--inherit-env'], image, [], 'env > /env; exec sleep 1000'), { env })
      .trim();
    await ended;
    expect(heard).toBe(`listening\nREADY=1\nMAINPID=${monitorOf(uuid)}\n`);
    const upper = podFile(uuid, 'overlay/busybox/upper/env');
    await until(
      'the app has written its environment',
      () => existsSync(upper) && readFileSync(upper, 'utf8').includes('container='),
    );
    expect(readFileSync(upper, 'utf8')).not.toContain('NOTIFY_SOCKET');
    host.ok(['stop', uuid]);
  });

  test('keeps a pod that its monitor ends with: kill -9 leaves nothing after gc', async () => {
    const uuid = detach('(trap "" TERM; setsid sleep 1000 &); sleep 1000', ['--net=none']);
    process.kill(monitorOf(uuid), 'SIGKILL');
    await until('the pod has exited', () => state(uuid) === 'exited');
  });

  test('takes a restart policy along', async () => {
    const uuid = detach('[ -e /first ] || { touch /first; exit 1; }; exec sleep 1000', [], ['--restart=always']);
    await until('the app is started again', () => existsSync(podFile(uuid, 'appsinfo/busybox/restarts')));
    expect(state(uuid)).toBe('running');
    host.ok(['stop', uuid]);
    expect(read(uuid, 'appsinfo/busybox/restarts')).toBe('1');
  });
});

describe('rkt run --restart', () => {
  test.each(['always', 'on-failure'])('%s: what cannot be started the first time ends the pod', (policy) => {
    const stderr =
      'rkt: app "busybox": executing "/bin/bad": its interpreter or dynamic loader is missing: No such file or directory\n';
    for (const options of [[], ['--detach']]) {
      const failed = host.rkt(['run', ...options, `--restart=${policy}`, image, '--exec=/bin/bad']);
      expect(failed).toMatchObject({ status: 254, stdout: '', stderr });
    }
  });

  const failing = 'echo run; exit 7';

  test.each([
    ['for all apps', ['--restart=on-failure:2'], [], 3],
    ['for one app', [], ['--restart=on-failure:2'], 3],
    ['for one app otherwise than for all', ['--restart=always'], ['--restart=no'], 1],
  ] as const)('%s', (_, options, imageOptions, runs) => {
    const { status, stdout } = host.rkt(words(options, image, imageOptions, failing));
    expect([status, stdout]).toEqual([7, 'run\n'.repeat(runs)]);
  });

  test('is in the pod’s manifest', () => {
    const uuid = detach(idle, [], ['--restart=on-failure:2']);
    expect(JSON.parse(host.ok(['cat-manifest', uuid])).apps[0].annotations).toEqual([
      { name: 'coreos.com/rkt/app/restart', value: 'on-failure:2' },
    ]);
    host.ok(['stop', uuid]);
  });

  test.each(['sometimes', 'on-failure:0', 'on-failure:', 'always:3'])('refuses "%s"', (value) => {
    expect(host.rkt(['run', image, `--restart=${value}`])).toMatchObject({
      status: 254,
      stderr: `rkt: invalid value "${value}" for --restart\nrkt: it takes no, on-failure, on-failure:N with N from 1, or always\n`,
    });
  });

  test('kill -9 of the monitor between two runs leaves nothing after gc', async () => {
    const run = host.start(['--debug', ...words(['--restart=always', '--net=none'], image, [], 'exit 1')]);
    await run.says(/started again in 400 ms/);
    process.kill(run.pid, 'SIGKILL');
    await run.ended;
  });

  test('rkt stop between two runs', async () => {
    const run = host.start(['--debug', ...words(['--restart=always'], image, [], 'exit 6')]);
    await run.says(/started again in 400 ms/);
    host.ok(['stop', ...host.uuids()]);
    expect(await run.ended).toEqual({ status: 6, signal: null });
  });
});

describe('rkt stop', () => {
  const start = async (text: string, ...options: string[]): Promise<{ run: Running; uuid: string }> => {
    const before = new Set(host.uuids());
    const run = host.start(words(options, image, [], text));
    await run.prints(/up/);
    return { run, uuid: host.uuids().find((uuid) => !before.has(uuid)) as string };
  };

  test('several pods, by the beginnings of their UUIDs, waits until they have ended', () => {
    const uuids = [detach(idle), detach(idle), detach(idle)];
    const { status, stdout, stderr } = host.rkt(['stop', ...uuids.map((uuid) => uuid.slice(0, 12))]);
    expect([status, stdout, stderr]).toEqual([0, uuids.map((uuid) => `"${uuid}"\n`).join(''), '']);
    expect(uuids.map(state)).toEqual(['exited', 'exited', 'exited']);
  });

  test('by a file', () => {
    const file = join(host.dir, 'uuid');
    const uuid = detach(idle, [`--uuid-file-save=${file}`]);
    expect(host.ok(['stop', `--uuid-file=${file}`])).toBe(`"${uuid}"\n`);
    expect(host.ok(['stop', `--uuid-file=${file}`])).toBe(`pod "${uuid}" is already stopped\n`);
  });

  test('what it cannot stop is told, and the others are stopped', () => {
    const uuid = detach(idle);
    const { status, stdout, stderr } = host.rkt(['stop', 'ffffffff-ffff', uuid, 'nonsense']);
    expect([status, stdout]).toEqual([254, `"${uuid}"\n`]);
    expect(stderr).toBe(
      'rkt: no pod matches "ffffffff-ffff"\nrkt: no pod matches "nonsense"\nrkt: failed to stop 2 pod(s)\n',
    );
  });

  test.each([
    ['no pod', ['stop'], 'rkt stop takes at least one UUID'],
    ['no file', ['stop', '--uuid-file=/nope'], '--uuid-file: cannot open /nope: no such file or directory'],
    ['no time', ['stop', '--timeout=-1s', 'x'], 'invalid value for --timeout: must be between 0 and 596 hours'],
  ])('refuses %s', (_, args, message) => {
    const { status, stderr } = host.rkt(args);
    expect([status, stderr.split('\n')[0]]).toEqual([254, `rkt: ${message}`]);
  });

  test('--force kills', async () => {
    const { run, uuid } = await start(deaf);
    expect(host.ok(['stop', '--force', uuid])).toBe(`"${uuid}"\n`);
    expect(await run.ended).toEqual({ status: 137, signal: null });
  });

  test('--timeout kills before the pod’s own time is up', async () => {
    const { run, uuid } = await start(deaf, '--stop-timeout=9h');
    expect(host.ok(['stop', '--timeout=50ms', uuid])).toBe(`"${uuid}"\n`);
    expect(await run.ended).toEqual({ status: 137, signal: null });
  });

  test('the pod’s own time: --stop-timeout', async () => {
    const { run, uuid } = await start(deaf, '--stop-timeout=50ms');
    expect(host.ok(['stop', uuid])).toBe(`"${uuid}"\n`);
    expect(await run.ended).toEqual({ status: 137, signal: null });
  });

  test('two at once', async () => {
    const { run, uuid } = await start(idle);
    const stops = [host.start(['stop', uuid]), host.start(['stop', uuid])];
    for (const stop of stops) {
      expect(await stop.ended).toEqual({ status: 0, signal: null });
      expect(stop.stdout).toMatch(new RegExp(`^("${uuid}"|pod "${uuid}" is already stopped)\n$`));
    }
    expect((await run.ended).status).toBe(0);
  });

  test.each(['prepare', 'network', 'plan', 'registration'])(
    'while a pod is being started, after its step "%s"',
    async (step) => {
      const run = host.start(['--debug', ...words(['--net=none', '--mds-register=false'], image, [], idle)]);
      await run.says(new RegExp(`timing: ${step} `));
      const [uuid = ''] = host.uuids();
      expect(host.ok(['stop', uuid])).toBe(`"${uuid}"\n`);
      expect([0, 143]).toContain((await run.ended).status);
    },
  );
});

describe('Ctrl-C', () => {
  test('ends the pod', async () => {
    const run = host.start(words([], image, [], 'trap "exit 5" INT; echo up; while :; do sleep 0.05; done'));
    await run.prints(/up/);
    run.child.kill('SIGINT');
    expect(await run.ended).toEqual({ status: 5, signal: null });
  });

  test('a second one kills it', async () => {
    const run = host.start(words([], image, [], 'trap "echo no" INT TERM; echo up; while :; do sleep 0.01; done'));
    await run.prints(/up/);
    run.child.kill('SIGINT');
    await run.prints(/no/);
    run.child.kill('SIGINT');
    expect(await run.ended).toEqual({ status: 137, signal: null });
  });
});
describe('rkt run --rm', () => {
  test.each([0, 7])('removes the pod when it has ended, with the code of the pod: %i', (code) => {
    const { status, stderr } = host.rkt(words(['--rm', '--net=none'], image, [], `exit ${code}`));
    expect([status, stderr]).toEqual([code, '']);
    expect(host.uuids()).toEqual([]);
  });

  test('also in the background', async () => {
    const uuid = detach(idle, ['--rm']);
    host.ok(['stop', uuid]);
    await until('the pod is removed', () => host.uuids().length === 0);
  });
});

test('a prepared pod keeps its restart policy, and runs in the background as any other', async () => {
  const text = '[ -e /first ] || { touch /first; exit 1; }; exec sleep 1000';
  const prepared = words(['--restart=on-failure'], image, [], text).slice(1);
  const uuid = host.ok(['prepare', ...prepared]).trim();
  expect(host.rkt(['stop', uuid])).toMatchObject({ status: 254, stdout: '' });
  expect(host.ok(['run-prepared', '--detach', '--rm', uuid])).toBe(`${uuid}\n`);
  await until('the app is started again', () => existsSync(podFile(uuid, 'appsinfo/busybox/restarts')));
  expect(host.ok(['stop', uuid])).toBe(`"${uuid}"\n`);
  await until('the pod is removed', () => host.uuids().length === 0);
});
