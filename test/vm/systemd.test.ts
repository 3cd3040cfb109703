/** rkt on a host with systemd: installed as `make install` does it, with its units. Runs in the virtual machine only, which it changes. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { podScope } from '../../runtime/stage1/cgroups.ts';

const root = join(import.meta.dirname, '..', '..');
const rkt = '/usr/local/bin/rkt';
const image = 'example.com/box';

interface Result {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(command: string, ...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

function ok(command: string, ...args: string[]): string {
  const { status, stdout, stderr } = run(command, ...args);
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`);
  return stdout;
}

const property = (unit: string, name: string): string => ok('systemctl', 'show', '--value', '-p', name, unit).trim();
const isActive = (unit: string): string => run('systemctl', 'is-active', unit).stdout.trim();

/** A service that is what its lines say; started once it is ready. */
function service(name: string, lines: readonly string[]): void {
  writeFileSync(`/etc/systemd/system/${name}.service`, `[Service]\n${lines.join('\n')}\n`);
  ok('systemctl', 'daemon-reload');
  const { status } = run('systemctl', 'start', name);
  if (status !== 0)
    throw new Error(`${name} cannot be started:\n${run('journalctl', '--output=cat', '--unit', name).stdout}`);
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 120_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waiting for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The groups of this suite's pods at the top of the hierarchy; others run beside it. */
function podGroups(): string[] {
  const scopes = (JSON.parse(ok(rkt, 'list', '--format=json')) as { name: string }[]).map(({ name }) => podScope(name));
  return readdirSync('/sys/fs/cgroup').filter((name) => scopes.includes(name));
}

beforeAll(async () => {
  ok('bash', join(root, 'deploy', 'install.sh'), '', '/usr/local');
  ok('systemd-sysusers', '/usr/local/lib/sysusers.d/rkt.conf');
  ok('systemd-tmpfiles', '--create', '/usr/local/lib/tmpfiles.d/rkt.conf');
  ok('systemctl', 'daemon-reload');
  const file = '/tmp/box.aci';
  await makeImage({ name: image, exec: ['/bin/sh'], output: file });
  ok(rkt, '--insecure-options=image', 'fetch', file);
});

afterAll(() => {
  run('systemctl', 'stop', 'web', 'rkt-metadata.service', 'rkt-metadata.socket');
  expect(podGroups()).toEqual([]);
  ok(rkt, 'gc', '--grace-period=0s');
});

test('its units are what systemd understands', () => {
  const units = ['rkt-metadata.service', 'rkt-metadata.socket', 'rkt-gc.service', 'rkt-gc.timer'];
  expect(run('systemd-analyze', 'verify', ...units)).toEqual({ status: 0, stdout: '', stderr: '' });
});

describe('the metadata service', () => {
  const ask = 'wget -q -O - http://169.254.169.255/acMetadata/v1/pod/uuid';

  test('is started by the first pod that has something to register', () => {
    ok('systemctl', 'start', 'rkt-metadata.socket');
    expect(isActive('rkt-metadata.service')).toBe('inactive');
    const uuid = ok(rkt, 'run', '--private-net', image, '--', '-c', ask);
    expect(uuid).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(isActive('rkt-metadata.service')).toBe('active');
    expect(ok(rkt, 'status', uuid.trim())).toContain('state=exited');
  });

  test('comes back after a crash, and pods do not notice', async () => {
    const script = `read line <\\"$0\\"; ${ask}; echo; read line <\\"$0\\"; ${ask}`;
    ok('mkfifo', '/tmp/turn');
    const options = ['--private-net', '--volume=turn,kind=host,source=/tmp/turn', '--mount=volume=turn,target=/turn'];
    service('pod', [
      'StandardOutput=file:/tmp/answers',
      `ExecStart=${rkt} run ${options.join(' ')} ${image} -- -c "${script}" /turn`,
    ]);
    writeFileSync('/tmp/turn', '\n');
    await until(() => existsSync('/tmp/answers') && readFileSync('/tmp/answers', 'utf8').includes('\n'));
    const before = property('rkt-metadata', 'MainPID');
    ok('systemctl', 'kill', '--signal=KILL', 'rkt-metadata.service');
    await until(() => isActive('rkt-metadata.service') === 'active' && property('rkt-metadata', 'MainPID') !== before);
    writeFileSync('/tmp/turn', '\n');
    await until(() => isActive('pod') === 'inactive');
    const [first, second] = readFileSync('/tmp/answers', 'utf8').split('\n');
    expect(first).toMatch(/^[0-9a-f-]{36}$/);
    expect(second).toBe(first);
    expect(property('pod', 'Result')).toBe('success');
  });

  test('is stopped without a trace', () => {
    ok('systemctl', 'stop', 'rkt-metadata.service', 'rkt-metadata.socket');
    expect(property('rkt-metadata.service', 'Result')).toBe('success');
    expect(ok('ip', '-o', 'address', 'show', 'dev', 'lo')).not.toContain('169.254.169.255');
    expect(existsSync('/run/rkt/metadata-svc.sock')).toBe(false);
  });
});

describe('a pod that is a service', () => {
  const script = 'trap \\"echo bye; exit 0\\" TERM; echo hello; while :; do sleep 0.1; done';
  const start = (...more: string[]): void =>
    service('web', [`ExecStart=${rkt} run --pod-name=web --replace ${image} -- -c "${script}"`, ...more]);
  const journal = (): string => {
    ok('journalctl', '--sync');
    return ok('journalctl', '--output=cat', '--unit=web');
  };
  const uuid = (): string => JSON.parse(ok(rkt, 'list', '--format=json'))[0].name;

  test('is ready when its apps have been started, prints to the journal, and is stopped', async () => {
    start('Type=notify');
    expect(ok(rkt, 'status', 'web')).toContain('state=running');
    await until(() => journal().includes('hello'));
    expect(readFileSync(`/proc/${property('web', 'MainPID')}/comm`, 'utf8')).toBe('rkt-run\n');
    ok('systemctl', 'stop', 'web');
    expect(property('web', 'Result')).toBe('success');
    expect(journal()).toContain('bye');
    expect(ok(rkt, 'status', 'web')).toMatch(/state=exited\n(.*\n)*app-box=0\n/);
    expect(podGroups()).toEqual([]);
    ok(rkt, 'rm', 'web');
  });

  test('is started again by systemd when its monitor was killed, and the old pod has ended', async () => {
    start('Restart=always', 'RestartSec=0', 'Type=notify');
    const before = property('web', 'MainPID');
    const old = uuid();
    ok('kill', '-KILL', before);
    await until(() => !['', '0', before].includes(property('web', 'MainPID')) && isActive('web') === 'active');
    expect(ok(rkt, 'status', old)).toContain('state=exited');
    ok('systemctl', 'stop', 'web');
    ok(rkt, 'gc', '--grace-period=0s');
  });
});

describe('a pod in a unit whose control groups are its own', () => {
  const unit = '/sys/fs/cgroup/system.slice/web.service';
  const lines = ['Type=notify', 'KillMode=mixed', 'SuccessExitStatus=143', 'Delegate=yes', 'MemoryMax=200M'];
  const start = (script: string): void =>
    service('web', [
      ...lines,
      `ExecStart=${rkt} run --pod-name=web --replace ${image} --memory=32Mi -- -c "${script}"`,
    ]);

  test('is below the unit, with limits of its own, and goes with it', () => {
    start('while :; do sleep 0.1; done');
    const [scope = ''] = readdirSync(unit).filter((name) => name.endsWith('.scope'));
    expect(scope).toMatch(/^machine-rkt/);
    expect(podGroups()).toEqual([]);
    expect(readFileSync(join(unit, scope, 'box', 'memory.max'), 'utf8')).toBe(`${32 << 20}\n`);
    expect(readFileSync(join(unit, 'supervisor', 'cgroup.procs'), 'utf8')).toContain(property('web', 'MainPID'));
    expect(ok(rkt, 'exec', 'web', '--', '/bin/sh', '-c', 'cat /proc/self/cgroup')).toContain(
      `/web.service/${scope}/box`,
    );
    expect(ok(rkt, 'ps', 'web')).toContain('sleep 0.1');
    ok('systemctl', 'stop', 'web');
    expect(property('web', 'Result')).toBe('success');
    expect(existsSync(unit)).toBe(false);
    expect(ok(rkt, 'status', 'web')).toContain('state=exited');
  });

  test('is at the top where a script stays in the unit', async () => {
    const command = `${rkt} run --pod-name=web --replace ${image} -- -c 'while :; do sleep 0.1; done'`;
    writeFileSync('/tmp/start.sh', `${command} & wait\n`);
    service('web', ['Type=exec', 'KillMode=mixed', 'Delegate=yes', 'ExecStart=/bin/sh /tmp/start.sh']);
    await until(() => run(rkt, 'status', '--wait-ready', 'web').status === 0);
    expect(podGroups()).toHaveLength(1);
    ok(rkt, 'stop', 'web');
    run('systemctl', 'stop', 'web');
    expect(podGroups()).toEqual([]);
  });

  test('is below the unit also where what starts it is in a group below the unit’s', () => {
    const script = [
      `mkdir ${unit}/mine; echo $$ > ${unit}/mine/cgroup.procs`,
      `exec ${rkt} run --pod-name=web --replace ${image} -- -c 'while :; do sleep 0.1; done'`,
    ];
    writeFileSync('/tmp/start.sh', `${script.join('\n')}\n`);
    service('web', ['Type=notify', 'NotifyAccess=all', ...lines.slice(1), 'ExecStart=/bin/sh /tmp/start.sh']);
    expect(readdirSync(unit).filter((name) => name.endsWith('.scope'))).toHaveLength(1);
    ok('systemctl', 'stop', 'web');
    expect(property('web', 'Result')).toBe('success');
  });

  test('leaves nothing when its monitor is killed', async () => {
    start('while :; do sleep 0.1; done');
    ok('systemctl', 'kill', '--signal=KILL', '--kill-who=main', 'web');
    await until(() => !existsSync(unit));
    expect(ok(rkt, 'status', 'web')).toContain('state=exited');
    ok(rkt, 'gc', '--grace-period=0s');
    expect(run(rkt, 'list', '--no-legend').stdout).toBe('');
  });
});

test('the service for gc does its work', () => {
  ok(rkt, 'run', '--pod-name=done', image, '--', '-c', 'true');
  const { name } = JSON.parse(ok(rkt, 'list', '--format=json'))[0];
  ok('systemctl', 'start', 'rkt-gc.service');
  expect(property('rkt-gc.service', 'Result')).toBe('success');
  expect(readdirSync('/var/lib/rkt/pods/exited-garbage')).toContain(name);
  ok('systemctl', 'start', 'rkt-gc.timer');
  expect(isActive('rkt-gc.timer')).toBe('active');
  ok('systemctl', 'stop', 'rkt-gc.timer');
  ok(rkt, 'gc', '--grace-period=0s');
});

test('a member of the group rkt may look', () => {
  ok('useradd', '--groups=rkt', 'alice');
  ok(rkt, 'run', '--pod-name=seen', image, '--', '-c', 'true');
  const asAlice = (...args: string[]): Result => run('runuser', '-u', 'alice', '--', rkt, ...args);
  expect(asAlice('status', 'seen').stdout).toContain('state=exited');
  expect(asAlice('image', 'list').stdout).toContain(image);
  expect(asAlice('rm', 'seen')).toEqual({
    status: 254,
    stdout: '',
    stderr: expect.stringContaining('must be run as root'),
  });
  ok(rkt, 'rm', 'seen');
});
