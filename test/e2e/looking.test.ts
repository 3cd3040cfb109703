/** `rkt ps`, `rkt top` and `rkt stats`: what the pods of a host are doing. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { Running, rktPath, Sandbox } from '../support/sandbox.ts';

let host: Sandbox;
let pod: Running;
let uuid: string;
const image = 'example.com/busybox';
const shell = ['--exec=/bin/sh', '--', '-c'];

interface Process {
  pid: number;
  pod_pid: number;
  app: string | null;
  uid: number;
  cpu_percent: number;
  memory: number;
  command: string;
}
const processes = (...args: string[]): Process[] => JSON.parse(host.ok([...args, '--format=json', uuid])) as Process[];

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: image, exec: ['/bin/sh'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

beforeEach(async () => {
  // A name that would clear the screen and write over what was there.
  const hostile = "printf 'evil\\033[2J\nroot\t' > /dev/null; sleep 1000 & echo up; wait";
  const busy = 'while :; do :; done';
  pod = host.start([
    'run',
    image,
    '--name=quiet',
    '--memory=64M',
    ...shell,
    hostile,
    '---',
    image,
    '--name=busy',
    ...shell,
    busy,
  ]);
  await pod.prints(/up/);
  [uuid = ''] = host.uuids();
});

afterEach(async () => {
  pod.child.kill('SIGTERM');
  await pod.ended;
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

describe('rkt ps', () => {
  test('lists init and the processes of every app, by their PIDs on both sides', () => {
    const list = processes('ps');
    expect(list[0]).toMatchObject({ pod_pid: 1, app: null, command: '[rkt-init]' });
    expect(list.filter(({ app }) => app === 'busy')).toHaveLength(1);
    const sleeper = list.find(({ command }) => command === 'sleep 1000') as Process;
    expect(sleeper).toMatchObject({ app: 'quiet', uid: 0 });
    expect(sleeper.memory).toBeGreaterThan(0);
    expect(host.exec(['grep', '^NSpid', `/proc/${sleeper.pid}/status`]).stdout).toMatch(
      new RegExp(`\t${sleeper.pod_pid}\n$`),
    );
    expect(processes('ps', '--app=busy').map(({ app }) => app)).toEqual(['busy']);
  });

  test('shows a table, and nothing that would disturb a terminal', () => {
    const text = host.ok(['ps', uuid.slice(0, 8)]);
    expect(text).toMatch(/^PID +POD PID +APP +UID +STATE +CPU +MEMORY +TIME +COMMAND\n\d+ +1 +- +0 +S /);
    expect(text).toContain("printf 'evil\\033");
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not be there
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(host.ok(['ps', '--no-legend', uuid])).not.toContain('COMMAND');
  });

  test.each([
    [[], 'rkt: rkt ps takes one UUID\n'],
    [['--format=xml', '0'], 'rkt: invalid value "xml" for --format: must be json, json-pretty or table\n'],
  ])('%j is a mistake', (args, stderr) => {
    expect(host.rkt(['ps', ...args])).toMatchObject({ status: 254, stdout: '', stderr });
  });

  test('takes the UUID from a file, as all commands about one pod do', () => {
    const file = join(host.dir, 'uuid');
    writeFileSync(file, `${uuid}\n`);
    const pods = JSON.parse(host.ok(['ps', `--uuid-file=${file}`, '--format=json-pretty']));
    expect(pods[0]).toMatchObject({ pod_pid: 1 });
    expect(host.ok(['top', '--once', `--uuid-file=${file}`])).toContain('[rkt-init]');
    expect(host.ok(['stats', '--once', `--uuid-file=${file}`])).toContain(uuid.slice(0, 8));
    expect(host.ok(['cat-manifest', `--uuid-file=${file}`])).toContain('PodManifest');
    expect(host.ok(['enter', `--uuid-file=${file}`, '--app=quiet', 'echo', 'x'])).toBe('x\n');
    expect(host.ok(['exec', `--uuid-file=${file}`, '--app=quiet', '--', 'echo', 'y'])).toBe('y\n');
    expect(host.rkt(['export', `--uuid-file=${file}`, 'a.aci', 'b']).stderr).toBe(
      'rkt: --uuid-file and a UUID cannot stand together\n',
    );
    expect(host.rkt(['run-prepared', `--uuid-file=${file}`]).stderr).toContain(`pod ${uuid} cannot be started`);
  });

  test('knows the apps of the pod', () => {
    expect(host.rkt(['ps', '--app=nope', uuid])).toMatchObject({
      status: 254,
      stderr: `rkt: pod ${uuid} has no app "nope"\nrkt: it has quiet, busy\n`,
    });
  });

  test('needs a pod that runs', async () => {
    pod.child.kill('SIGTERM');
    await pod.ended;
    for (const command of ['ps', 'top', 'stats']) {
      expect(host.rkt([command, uuid])).toMatchObject({
        status: 254,
        stderr: `rkt: pod ${uuid} is not running: its state is "exited"\n`,
      });
    }
  });
});

describe('rkt top', () => {
  test('shows those first that use most', () => {
    const [first] = processes('top', '--once');
    expect(first).toMatchObject({ app: 'busy' });
    expect(first?.cpu_percent).toBeGreaterThan(0);
  });

  test('goes on until the pod ends', async () => {
    const top = host.start(['top', '--interval=100ms', uuid]);
    await top.prints(/COMMAND[\s\S]*COMMAND/);
    pod.child.kill('SIGTERM');
    expect(await top.ended).toEqual({ status: 0, signal: null });
  });

  test('on a terminal draws in place and ends with q, and the terminal is as before', async () => {
    const top = new Running(
      host.spawn(['script', '-qec', `${rktPath} top --interval=100ms ${uuid}`, '/dev/null'], ['pipe', 'pipe', 'pipe']),
    );
    await top.prints(/COMMAND[\s\S]*COMMAND/);
    top.child.stdin?.write('q');
    expect(await top.ended).toEqual({ status: 0, signal: null });
    expect(top.stdout.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
    expect(top.stdout.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });

  test('refuses to run hot', () => {
    expect(host.rkt(['top', '--interval=1ms', uuid]).stderr).toBe('rkt: --interval must be 100ms or more\n');
  });
});

describe('rkt stats', () => {
  test('counts pods and apps, for programs', () => {
    const [found] = JSON.parse(host.ok(['stats', '--no-stream', '--format=json', uuid]));
    expect(found).toMatchObject({ uuid, network_received: null, network_sent: null, memory_limit: null });
    const [quiet, busy] = found.apps;
    expect(quiet).toMatchObject({ name: 'quiet', pids: 2, pids_limit: 4096, memory_limit: 64_000_000 });
    expect(busy).toMatchObject({ name: 'busy', pids: 1 });
    expect(busy.cpu_seconds).toBeGreaterThan(0);
    expect(busy.cpu_percent).toBeGreaterThan(quiet.cpu_percent);
    expect(found.memory).toBeGreaterThanOrEqual(quiet.memory);
    expect(found.pids).toBe(4);
  });

  test('shows all running pods, for people', () => {
    const lines = host.ok(['stats', '--no-stream']).split('\n');
    expect(lines[0]).toMatch(/^UUID +APP +CPU +MEMORY +LIMIT +PIDS +LIMIT +READ +WRITTEN +RECEIVED +SENT$/);
    expect(lines[1]).toMatch(new RegExp(`^${uuid.slice(0, 8)} +- +[\\d.]+% `));
    expect(lines[2]).toMatch(/^ +quiet +[\d.]+% +\S+B +61.0MiB +2 +4096 /);
    expect(lines[3]).toMatch(/^ +busy +[\d.]+% /);
  });

  test('ends when nothing is left to see, or when it is told to', async () => {
    const stats = host.start(['stats', '--interval=100ms']);
    await stats.prints(/quiet[\s\S]*quiet/);
    stats.child.kill('SIGINT');
    expect(await stats.ended).toEqual({ status: 0, signal: null });
  });
});

test('a pod with a network of its own has traffic', async () => {
  const other = host.start(['run', '--net=none', image, '--name=alone', ...shell, 'echo up; read line']);
  await other.prints(/up/);
  const pods = JSON.parse(host.ok(['stats', '--no-stream', '--format=json'])) as {
    uuid: string;
    network_sent: number | null;
  }[];
  expect(pods.find((one) => one.uuid !== uuid)?.network_sent).toBe(0);
  other.child.stdin?.end('\n');
  await other.ended;
});
