/** Pods that are made now and run later. */

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../../support/terminal.ts';

let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({
    name: 'example.com/busybox',
    exec: ['/bin/echo', 'from the image'],
    output: file,
    prepare: addTerminalApplets,
  });
  const server = join(host.dir, 'server.aci');
  await makeImage({
    name: 'example.com/server',
    exec: ['/bin/echo', 'free'],
    output: server,
    app: { ports: [{ name: 'http', protocol: 'tcp', port: 80 }] },
  });
  host.ok(['-insecure-skip-verify', 'fetch', file, server]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s', '--expire-prepared=0s']);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const prepare = (...args: string[]): string => host.ok(['prepare', ...args]).trim();
const busybox = 'example.com/busybox';
const script = (text: string): string[] => [busybox, '--exec', '/bin/sh', '--', '-c', text];
const prepared = (uuid: string): string => join(host.dataDir, 'pods', 'prepared', uuid);

describe('prepare and run-prepared', () => {
  test('do together what run does', () => {
    const uuid = prepare('--set-env=A=b', ...script('echo $A; exit 7'));
    expect(host.ok(['list', '--full', '--no-legend'])).toMatch(new RegExp(`^${uuid}  busybox  .*  prepared  `));
    const { status, stdout, stderr } = host.rkt(['run-prepared', '--hostname=late', uuid]);
    expect([status, stdout, stderr]).toEqual([7, 'b\n', '']);
    expect(host.ok(['status', uuid])).toMatch(/^state=exited\n[\s\S]*\napp-busybox=7\n$/);
  });

  test('print the UUID alone; news are for people, and left out with --quiet', () => {
    const file = join(host.dir, 'busybox.aci');
    const args = ['--insecure-options=image', 'prepare', '--no-store', file];
    expect(host.rkt(args).stderr).toContain(`rkt: fetching image from ${file}\n`);
    const { stdout, stderr } = host.rkt([...args.slice(0, 2), '--quiet', ...args.slice(2)]);
    expect(stdout).toMatch(/^[0-9a-f-]{36}\n$/);
    expect(stderr).toBe('rkt: warning: signature verification has been disabled\n');
  });

  test.each([[], ['--no-overlay']])('run on what was prepared, whatever came after: %j', (...options) => {
    const uuid = prepare(
      ...options,
      '--volume=v,kind=empty',
      '--mount=volume=v,target=/v',
      ...script('ls -d /v; id -u'),
    );
    expect(host.ok(['run-prepared', uuid])).toBe('/v\n0\n');
  });

  test('a private network is set up at the start', async () => {
    const service = await host.metadataService();
    const uuid = prepare(...script('wget -qO- $AC_METADATA_URL/acMetadata/v1/pod/uuid'));
    expect(host.ok(['run-prepared', '--private-net', uuid])).toBe(uuid);
    service.child.kill('SIGTERM');
    await service.ended;
    host.ok(['gc', '--grace-period=0s']);
  });

  test('a port is forwarded once the pod runs, and is in its manifest before', async () => {
    const serve = 'while :; do echo "from the pod" | nc -l -p 80; done & until nc 127.0.0.1 80 < /dev/null; do :; done';
    const uuid = prepare(
      '--port=http:8080',
      'example.com/server',
      '--exec=/bin/sh',
      '--',
      '-c',
      `${serve}; echo up; read line; exit 0`,
    );
    expect(JSON.parse(host.ok(['cat-manifest', uuid])).ports).toEqual([{ name: 'http', hostPort: 8080 }]);
    expect(host.exec(['nft', 'list', 'ruleset']).stdout).toBe('');
    const pod = host.start(['run-prepared', '--private-net', '--mds-register=false', uuid]);
    await pod.prints(/up\n/);
    const ask = 'until busybox nc 127.0.0.1 8080 < /dev/null; do :; done';
    expect(host.exec(['sh', '-c', ask], { timeout: 10_000 }).stdout).toBe('from the pod\n');
    // Another that was prepared with the port has to wait for it.
    const second = prepare('--port=http:8080', 'example.com/server');
    expect(host.rkt(['run-prepared', '--private-net', '--mds-register=false', second])).toMatchObject({
      status: 254,
      stderr: `rkt: port 8080 (tcp) of the host is forwarded to pod ${uuid} already\nrkt: choose another port, or stop that pod\n`,
    });
    expect(host.ok(['status', second])).toMatch(/^state=prepared\n/);
    pod.child.stdin?.end('\n');
    await pod.ended;
    expect(host.ok(['run-prepared', '--private-net', '--mds-register=false', second])).toBe('free\n');
  });

  test('of two that start the same pod one does', async () => {
    const uuid = prepare(...script('echo up; read line'));
    const runs = [1, 2, 3].map(() => host.start(['run-prepared', uuid]));
    const ends = runs.map(async (run) => ({ run, ...(await run.ended) }));
    const lost = await Promise.race(ends);
    await Promise.any(runs.map((run) => run.prints(/up/)));
    for (const run of runs) run.child.stdin?.end('\n');
    const outcomes = await Promise.all(ends);
    expect(outcomes.map(({ status }) => status).sort()).toEqual([0, 254, 254]);
    expect(lost.status).toBe(254);
    for (const { run, status } of outcomes) {
      if (status === 254) expect(run.stderr).toMatch(new RegExp(`^rkt: pod ${uuid} cannot be started: `));
    }
  });

  test('only a pod that waits can be started', () => {
    const uuid = prepare(busybox);
    host.ok(['run-prepared', uuid]);
    expect(host.rkt(['run-prepared', uuid])).toMatchObject({
      status: 254,
      stderr:
        `rkt: pod ${uuid} cannot be started: its state is "exited"\n` +
        'rkt: only pods made by "rkt prepare" wait to be started\n',
    });
    expect(host.rkt(['run-prepared']).stderr).toBe('rkt: rkt run-prepared takes one UUID\n');
    expect(host.rkt(['prepare']).stderr).toContain('rkt: rkt prepare needs an image\n');
  });
});

describe('run-prepared --interactive', () => {
  test('gives the app a terminal of its own, relayed to the caller’s', async () => {
    const uuid = prepare(...script('echo "in=$(tty) $(stty size)"; read name; echo "hello $name"; exit 5'));
    const terminal = Terminal.rkt(host, ['run-prepared', '--interactive', uuid]);
    await terminal.prints(/in=\/dev\/pts\/0 31 99\r\n/);
    terminal.type('you\n');
    await terminal.prints(/hello you\r\n/);
    expect(await terminal.over()).toEqual({ code: 5, restored: true });
    expect(host.ok(['status', uuid])).toMatch(/^state=exited\n[\s\S]*\napp-busybox=5\n$/);
  });

  test('is refused for several apps, and in the background; the pod stays prepared', () => {
    const uuid = prepare(busybox, '--name=one', '---', busybox, '--name=two');
    expect(host.rkt(['run-prepared', '--interactive', uuid]).stderr).toBe(
      'rkt: --interactive is for pods with one app, and this one has 2\n',
    );
    expect(host.rkt(['run-prepared', '--interactive', '--detach', uuid]).stderr).toBe(
      'rkt: --interactive and --detach cannot stand together\n',
    );
    expect(host.ok(['status', uuid])).toMatch(/^state=prepared\n/);
  });
});

describe('a pod that cannot be started stays prepared', () => {
  test('where a volume is gone, and starts when it is back', () => {
    const source = join(host.dir, 'source');
    mkdirSync(source);
    const uuid = prepare(`--volume=v,kind=host,source=${source}`, '--mount=volume=v,target=/v', ...script('ls /v'));
    renameSync(source, `${source}.away`);
    const { status, stderr } = host.rkt(['run-prepared', uuid]);
    expect(status).toBe(254);
    expect(stderr).toContain(`rkt: volume "v": source ${source}: it does not exist\n`);
    expect(host.ok(['status', uuid])).toMatch(/^state=prepared\n/);
    renameSync(`${source}.away`, source);
    writeFileSync(join(source, 'file'), '');
    expect(host.ok(['run-prepared', uuid])).toBe('file\n');
    rmSync(source, { recursive: true });
  });

  test('where the service does not run', () => {
    const uuid = prepare(busybox);
    expect(host.rkt(['run-prepared', '--private-net', uuid]).stderr).toContain('the metadata service is not running\n');
    expect(host.ok(['status', uuid])).toMatch(/^state=prepared\n/);
  });

  test('where the network cannot be made, with nothing of it left, and starts when it can', async () => {
    const networking = ['--private-net', '--mds-register=false'];
    const pod = host.start(['run', ...networking, ...script('echo up; read line')]);
    await pod.prints(/up/);
    const uuid = prepare(busybox);
    // Leases that belong to a living pod cannot be reclaimed.
    const dir = '/run/rkt/networks/default';
    const fill = `for i in $(seq 3 2 253); do test -e ${dir}/172.16.28.$i || cp $(ls ${dir}/172* | head -n 1) ${dir}/172.16.28.$i; done`;
    expect(host.exec(['sh', '-c', fill]).status).toBe(0);
    const { status, stderr } = host.rkt(['run-prepared', ...networking, uuid]);
    expect([status, stderr]).toEqual([254, expect.stringMatching(/^rkt: all 126 addresses of the default network/)]);
    expect(host.ok(['status', uuid])).toMatch(/^state=prepared\n/);
    expect(existsSync(join(prepared(uuid), 'net-info.json'))).toBe(false);
    expect(host.exec(['ls', '/run/rkt/netns']).stdout).not.toContain(uuid);
    pod.child.stdin?.end('\n');
    await pod.ended;
    host.ok(['gc', '--grace-period=0s']);
    expect(host.ok(['run-prepared', ...networking, uuid])).toBe('from the image\n');
  });

  test('where the image is gone from the store', () => {
    const uuid = prepare(busybox);
    const info = join(host.dataDir, 'images', 'info');
    renameSync(info, `${info}.away`);
    mkdirSync(info);
    const { status, stderr } = host.rkt(['run-prepared', uuid]);
    rmSync(info, { recursive: true });
    renameSync(`${info}.away`, info);
    expect([status, stderr]).toEqual([
      254,
      expect.stringMatching(/^rkt: app "busybox": image "sha512-[0-9a-f]{128}" is not in the store\n/),
    ]);
    expect(host.ok(['run-prepared', uuid])).toBe('from the image\n');
  });

  test('an image of a prepared pod cannot be removed', () => {
    prepare(busybox);
    const { status, stderr } = host.rkt(['image', 'rm', busybox]);
    expect([status, stderr]).toEqual([254, expect.stringContaining('is in use by a pod')]);
  });

  test('a tree that is missing is extracted again', () => {
    const uuid = prepare(busybox);
    const tree = readFileSync(join(prepared(uuid), 'appsinfo', 'busybox', 'trees'), 'utf8').trim();
    rmSync(join(host.dataDir, 'images', 'trees', tree), { recursive: true });
    expect(host.ok(['run-prepared', uuid])).toBe('from the image\n');
  });

  test.each([
    ['pod', 'pod manifest: is not JSON: Unexpected end of JSON input'],
    ['settings.json', 'Unexpected end of JSON input'],
    ['appsinfo/busybox/trees', 'it names no trees'],
  ])('where %s was cut off by a power cut', (name, reason) => {
    const uuid = prepare('--pod-name=cut', busybox);
    const file = join(prepared(uuid), name);
    truncateSync(file, 0);
    expect(host.rkt(['run-prepared', uuid])).toMatchObject({
      status: 254,
      stderr: expect.stringContaining(`rkt: ${file} is damaged: ${reason}`),
    });
    expect(host.ok(['list', '--quiet'])).toBe(`${uuid}\n`);
    expect(host.ok(['rm', uuid])).toBe(`"${uuid}"\n`);
    // The name is free, whether or not the pod could still say that it had it.
    prepare('--pod-name=cut', busybox);
  });
});

describe('gc', () => {
  test('leaves a prepared pod a day, and then moves it to the garbage', () => {
    const uuid = prepare('--pod-name=old', busybox);
    expect(host.ok(['gc'])).toBe('');
    expect(host.ok(['gc', '--expire-prepared=0s', '--mark-only'])).toBe(
      `Moving expired prepared pod "${uuid}" to garbage\n`,
    );
    expect(host.ok(['status', uuid])).toMatch(/^state=garbage\ncreated=/);
    expect(existsSync(join(host.dataDir, 'pods', 'names', 'old'))).toBe(false);
  });
});
