/** A pod whose stage1 is an image: found in every way, run, entered, stopped and collected by its own entrypoints. */

import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { parseImageManifest } from '../../runtime/appc/image-manifest.ts';
import { podPid } from '../../runtime/pod/pod-pid.ts';
import { stage1OfPod } from '../../runtime/pod/stage1-of-pod.ts';
import { builtinManifest, builtinStage1, entrypointKinds, newestInterface } from '../../runtime/stage1/builtin.ts';
import { readStage1Interface } from '../../runtime/stage1/stage1-interface.ts';
import { type Result, type Running, rktPath, Sandbox } from '../support/sandbox.ts';
import { addTerminalApplets, Terminal } from '../support/terminal.ts';
import { makeTinyStage1, tinyStateDir } from '../support/tiny-stage1.ts';

const insecure = '--insecure-options=image';
const stage1Name = 'example.com/tiny-stage1';
let host: Sandbox;
let tiny: string;

const file = (name: string): string => join(host.dir, name);

/** An image whose app is a shell script at /app. */
const appImage = (name: string, script: string): Promise<void> =>
  makeImage({
    name: `example.com/${name}`,
    exec: ['/app'],
    output: file(`${name}.aci`),
    prepare: (rootfs) => {
      addTerminalApplets(rootfs);
      writeFileSync(join(rootfs, 'app'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    },
  });

beforeAll(async () => {
  host = await Sandbox.create();
  tiny = await makeTinyStage1({ output: file('tiny.aci') });
  await appImage('app', 'echo hello from the app; cat /etc/hosts; echo new > /new && cat /new; exit 7');
  await appImage('sleeper', 'trap "echo asked to stop; exit 3" TERM; echo ready; while :; do sleep 1000 & wait; done');
  host.ok([insecure, 'fetch', file('app.aci'), file('sleeper.aci'), tiny]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
  expect(host.exec(['sh', '-c', `ls ${tinyStateDir} 2>/dev/null`]).stdout).toBe('');
});

afterAll(() => host.destroy());

const run = (...options: string[]): Result => host.rkt([insecure, 'run', ...options, 'example.com/app']);

/** That the pod ran by the tiny stage1, and what the app saw there. */
function expectTiny({ stdout, status }: Result): void {
  expect(stdout).toMatch(
    /^tiny run --net=host --local-config=\/etc\/rkt [0-9a-f-]{36}\nhello from the app\n127.0.0.1 localhost\n/,
  );
  expect(stdout).toMatch(/\nnew\n$/);
  expect(status).toBe(7);
}

/** A running pod of the sleeper. */
async function sleeper(...options: string[]): Promise<{ running: Running; dir: string; uuid: string }> {
  const uuidFile = file('uuid');
  const running = host.start([insecure, 'run', `--uuid-file-save=${uuidFile}`, ...options, 'example.com/sleeper']);
  await running.prints(/^ready$/m);
  const uuid = readFileSync(uuidFile, 'utf8').trim();
  return { running, uuid, dir: join(host.dataDir, 'pods', 'run', uuid) };
}

/** Executes an entrypoint of a pod in the sandbox. */
function entrypoint(dir: string, kind: 'enter', args: readonly string[]): Result {
  const command = stage1OfPod(host.dataDir, dir).command(kind, args);
  // The sources find the executables in the checkout; the sandbox has the same file system.
  return host.exec([command.program, ...command.args], { cwd: dir });
}

describe('is named', () => {
  test('by a path, absolute and relative', () => {
    expectTiny(run(`--stage1-path=${tiny}`));
    expectTiny(run('--stage1-path=tiny.aci'));
  });

  test('by a URL', () => {
    expectTiny(run(`--stage1-url=file://${tiny}`));
  });

  test('by name and by id once it is in the store', () => {
    const id = host.ok([insecure, 'fetch', '--full', tiny]).trim();
    expectTiny(run(`--stage1-name=${stage1Name}`));
    expectTiny(run(`--stage1-name=${stage1Name}:0.0.1`));
    expectTiny(run(`--stage1-hash=${id.slice(0, 39)}`));
  });

  test('by a file in the directory of stage1 images', () => {
    const config = file('config');
    mkdirSync(join(config, 'paths.d'), { recursive: true });
    mkdirSync(file('stage1-images'), { recursive: true });
    writeFileSync(
      join(config, 'paths.d', 'paths.json'),
      JSON.stringify({ rktKind: 'paths', rktVersion: 'v1', 'stage1-images': file('stage1-images') }),
    );
    writeFileSync(join(file('stage1-images'), 'small.aci'), readFileSync(tiny));
    expectTiny(
      host.rkt([insecure, `--user-config=${config}`, 'run', '--stage1-from-dir=small.aci', 'example.com/app']),
    );
    const { stderr } = run('--stage1-from-dir=small.aci');
    expect(stderr).toContain('rkt: cannot read image /usr/lib/rkt/stage1-images/small.aci: there is no such file\n');
  });

  test('by any of these with the option of rkt 0.5', () => {
    for (const image of [tiny, `file://${tiny}`, stage1Name]) expectTiny(run(`--stage1-image=${image}`));
  });

  test('by the configuration: the stored image, or where it is fetched from', () => {
    const config = file('defaults');
    mkdirSync(join(config, 'stage1.d'), { recursive: true });
    const write = (fields: object): void =>
      writeFileSync(
        join(config, 'stage1.d', 'default.json'),
        JSON.stringify({ rktKind: 'stage1', rktVersion: 'v1', ...fields }),
      );
    const runConfigured = (): Result => host.rkt([insecure, `--user-config=${config}`, 'run', 'example.com/app']);
    write({ name: stage1Name, version: '0.0.1' });
    expectTiny(runConfigured());
    write({ name: stage1Name, version: '9', location: tiny });
    expectTiny(runConfigured());
    write({ name: stage1Name, version: '9' });
    expect(runConfigured().stderr).toBe(
      `rkt: the default stage1 image ${stage1Name}:9 is not in the store\n` +
        'rkt: fetch it, or say in stage1.d where it is to be fetched from ("location")\n',
    );
    const builtin = host.rkt([
      insecure,
      `--user-config=${config}`,
      'run',
      '--stage1-name=rkt.io/stage1-native',
      'example.com/app',
    ]);
    expect(builtin.stdout).toMatch(/^hello from the app\n/);
  });

  test('by one option only, and in its own form', () => {
    expect(run('--stage1-path=/a', '--stage1-name=b').stderr).toBe(
      'rkt: --stage1-path and --stage1-name cannot stand together\n',
    );
    expect(run('--stage1-hash=/a').stderr).toBe('rkt: --stage1-hash must be the id of an image, sha512-…, is "/a"\n');
    expect(run('--stage1-url=a.aci').stderr).toBe('rkt: --stage1-url must be a URL, is "a.aci"\n');
    expect(run('--stage1-from-dir=../a').stderr).toBe('rkt: --stage1-from-dir must be the name of a file, is "../a"\n');
  });
});

describe('its verification', () => {
  test('is that of every image', () => {
    const { status, stderr } = host.rkt(['run', `--stage1-path=${tiny}`, 'example.com/app']);
    expect([status, stderr]).toEqual([
      254,
      `rkt: image ${tiny}: its signature cannot be verified: there is no ${tiny}.asc\n` +
        'rkt: if you trust the file, switch verification off: -insecure-skip-verify or --insecure-options=image\n',
    ]);
  });
});

describe('its entrypoints', () => {
  test('get arguments by the version of the interface', async () => {
    const output = file('six.aci');
    await makeTinyStage1({ output, annotations: { 'interface-version': '6' } });
    const { stdout } = host.rkt([
      '--insecure-options=image,paths,seccomp',
      'run',
      `--stage1-path=${output}`,
      '--hostname=box',
      '--ipc=private',
      'example.com/app',
    ]);
    expect(stdout.split('\n')[0]).toMatch(
      /^tiny run --net=host --local-config=\/etc\/rkt --hostname=box --disable-paths --disable-seccomp --dns-conf-mode=resolv=default,hosts=default --ipc=private [0-9a-f-]{36}$/,
    );
    const old = file('one.aci');
    await makeTinyStage1({ output: old, annotations: { 'interface-version': undefined } });
    expect(run(`--stage1-path=${old}`, '--hostname=box').stdout.split('\n')[0]).toMatch(
      /^tiny run --net=host --local-config=\/etc\/rkt [0-9a-f-]{36}$/,
    );
  });

  test('run with the pod’s lock, in its directory', () => {
    const { stderr } = run(`--stage1-path=${tiny}`);
    expect(stderr).toMatch(new RegExp(`^lock ${host.dataDir}/pods/run/[0-9a-f-]{36}$`, 'm'));
  });

  test('enter and stop a pod, with its own mounts', async () => {
    const { running, dir, uuid } = await sleeper(`--stage1-name=${stage1Name}`);
    expect(host.rkt(['status', uuid]).stdout).toContain(`state=running\n`);
    expect(host.ok(['enter', uuid, '/bin/cat', '/app'])).toContain('echo ready');
    // Nothing of it is mounted where the host could see it.
    expect(readdirSync(join(dir, 'stage1', 'rootfs'))).toEqual([]);
    expect(host.ok(['stop', uuid])).toBe(`"${uuid}"\n`);
    expect(await running.ended).toEqual({ status: 3, signal: null });
    expect(running.stdout).toContain('asked to stop\n');
    expect(host.rkt(['status', uuid]).stdout).toMatch(/^state=exited\n[\s\S]*app-sleeper=3\n$/);
    expect(entrypoint(dir, 'enter', ['--', 'x']).stderr).toBe('rkt: the pod is not running\n');
  });

  test('bring a command with all that the app’s shell can see to, and with a terminal that is not the caller’s', async () => {
    const { running, uuid } = await sleeper(`--stage1-name=${stage1Name}`);
    const options = ['--environment=A=b c', "--environment=B='$x'", '--working-dir=/etc'];
    expect(host.ok(['exec', ...options, uuid, '/bin/sh', '-c', 'echo "$A|$B|$PWD|$*"', 'sh', '--', '-x'])).toBe(
      "b c|'$x'|/etc|-- -x\n",
    );
    expect(host.rkt(['enter', '--environment=A=b', uuid], { input: 'echo $A; exit 3\n' })).toMatchObject({
      status: 3,
      stdout: 'b\n',
    });
    expect(host.rkt(['exec', '--working-dir=/nope', uuid, '/bin/true']).status).toBe(254);
    const refused = (option: string): string => host.rkt(['exec', option, uuid, '/bin/true']).stderr;
    expect(refused('--environment=a.b=c')).toBe(
      `rkt: the stage1 of pod ${uuid} cannot be given the variable "a.b"\n` +
        "rkt: its image is not the one that comes with rkt, and the app's shell takes letters, digits and _ only\n",
    );
    expect(refused('--user=0')).toBe(
      `rkt: the stage1 of pod ${uuid} cannot be told who runs a command\n` +
        'rkt: its image is not the one that comes with rkt; leave --user, --group and --supplementary-gids out\n',
    );
    const command = [uuid, '/bin/sh', '-c', 'stty size; echo "in=$$"; read line; exit 4'];
    const terminal = Terminal.rkt(host, ['exec', ...command]);
    const [, own = ''] = await terminal.prints(/terminal=(\S+)/);
    const [, pid] = await terminal.prints(/\n31 99\r\nin=(\d+)/);
    // The tiny stage1 has no process namespace: it is a process of the host's.
    const streams = [0, 1, 2].map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
    expect([new Set(streams).size, streams.includes(own)]).toEqual([1, false]);
    terminal.type('\n');
    expect(await terminal.over()).toEqual({ code: 4, restored: true });
    expect(host.ok(['exec', '--tty', uuid, '/bin/sh', '-c', 'stty size'])).toBe('24 80\n');
    const plain = Terminal.rkt(host, [
      'exec',
      '--no-tty',
      uuid,
      '/bin/sh',
      '-c',
      'test -t 0 || test -t 1 || echo none',
    ]);
    await plain.over();
    expect(plain.stdout).toContain('none\r\n');
    host.ok(['stop', uuid]);
    await running.ended;
  });

  test('run in the background, and are ready when they have said which process is the pod’s', () => {
    const uuid = host.ok([insecure, 'run', '--detach', `--stage1-name=${stage1Name}`, 'example.com/sleeper']).trim();
    const dir = join(host.dataDir, 'pods', 'run', uuid);
    expect(existsSync(join(dir, 'ready'))).toBe(true);
    expect(podPid(dir)).toBeDefined();
    expect(host.ok(['stop', '--force', uuid])).toBe(`"${uuid}"\n`);
  });

  test('cannot stop a pod that has no such entrypoint', async () => {
    const output = file('no-stop.aci');
    await makeTinyStage1({ output, name: 'example.com/no-stop', annotations: { stop: undefined } });
    const { running, uuid } = await sleeper(`--stage1-path=${output}`);
    expect(host.rkt(['stop', uuid]).stderr).toContain(
      'stage1 image example.com/no-stop:0.0.1: it has no entrypoint for "stop" (annotation coreos.com/rkt/stage1/stop)\n',
    );
    running.child.kill('SIGTERM');
    await running.ended;
  });

  test('get the signals that rkt gets', async () => {
    const { running } = await sleeper(`--stage1-name=${stage1Name}`);
    running.child.kill('SIGTERM');
    expect(await running.ended).toEqual({ status: 3, signal: null });
  });

  test('do without an overlay', () => {
    expectTiny(run('--no-overlay', `--stage1-path=${tiny}`));
  });

  test('may tell the pod’s process by its parent', async () => {
    const output = file('parent.aci');
    await makeTinyStage1({
      output,
      prepare: (rootfs) => {
        const path = join(rootfs, 'ex', 'run');
        writeFileSync(
          path,
          readFileSync(path, 'utf8')
            .replace('> pid.new && mv pid.new pid', '> child')
            .replace('app=$(ls', () => 'echo $$ > ppid\napp=$(ls'),
        );
      },
    });
    const { running, dir, uuid } = await sleeper(`--stage1-path=${output}`);
    const child = Number(readFileSync(join(dir, 'child'), 'utf8'));
    expect(host.ok(['status', uuid])).toContain(`\npid=${child}\n`);
    running.child.kill('SIGTERM');
    await running.ended;
  });

  test('collect a pod whose keeper was killed', async () => {
    const { running, uuid } = await sleeper(
      `--stage1-name=${stage1Name}`,
      '--private-net=none',
      '--mds-register=false',
    );
    expect(host.exec(['ls', tinyStateDir]).stdout).toBe(`${uuid}\n`);
    const gone = once(running.child, 'exit');
    running.child.kill('SIGKILL');
    await gone;
    expect(host.ok(['status', uuid])).toContain('state=exited\n');
    const { stdout, stderr } = host.rkt(['gc', '--grace-period=0s']);
    expect(stdout).toContain(`Garbage collecting container "${uuid}"\n`);
    // What stage1 had left running had these descriptors.
    await running.ended;
    expect(stderr).toBe('');
  });

  test('cannot keep a pod from being collected', async () => {
    const output = file('stubborn.aci');
    await makeTinyStage1({
      output,
      name: 'example.com/stubborn',
      prepare: (rootfs) => writeFileSync(join(rootfs, 'ex', 'gc'), '#!/bin/sh\necho no >&2\nexit 1\n', { mode: 0o755 }),
    });
    run(`--stage1-path=${output}`);
    const [uuid = ''] = host.uuids();
    const { stderr } = host.rkt(['gc', '--grace-period=0s']);
    expect(stderr).toBe(`rkt: warning: pod ${uuid}: gc of stage1 image example.com/stubborn:0.0.1: no\n`);
    host.exec(['rm', '-r', tinyStateDir]);
  });

  test('are not needed any more once the image is gone', () => {
    const output = file('tiny.aci');
    run(`--stage1-path=${output}`);
    const [uuid = ''] = host.uuids();
    const id = host.ok([insecure, 'fetch', '--full', output]).trim();
    expect(host.rkt(['image', 'rm', id]).stderr).toContain(`image ${id} (${stage1Name}) is in use by a pod\n`);
    rmSync(join(host.dataDir, 'images', 'trees', id), { recursive: true });
    const { stderr } = host.rkt(['gc', '--grace-period=0s']);
    expect(stderr).toBe(
      `rkt: warning: pod ${uuid}: stage1 image ${stage1Name}:0.0.1: it has been removed from the store\n`,
    );
    host.exec(['rm', '-r', tinyStateDir]);
    host.ok(['image', 'rm', id]);
  });

  test('are executed from a place where nobody can write, not even the pod', async () => {
    const output = file('writer.aci');
    const marker = file('overwritten');
    await makeTinyStage1({
      output,
      name: 'example.com/writer',
      prepare: (rootfs) => {
        const path = join(rootfs, 'ex', 'run');
        const attempt = `echo '#!/bin/sh' > $root/ex/gc && echo 'touch ${marker}' >> $root/ex/gc\n(: > /proc/self/fd/255) 2>/dev/null\n(: >> $0) 2>&1 | grep -o "Read-only file system"\n`;
        writeFileSync(path, readFileSync(path, 'utf8').replace('echo "tiny', `${attempt}echo "tiny`));
      },
    });
    expect(run(`--stage1-path=${output}`).stdout).toMatch(/^Read-only file system\ntiny run/);
    host.ok(['gc', '--grace-period=0s']);
    expect(existsSync(marker)).toBe(false);
  });
});

describe('an image that is none', () => {
  const refused = async (
    annotations: Record<string, string | undefined>,
    prepare?: (rootfs: string) => void,
  ): Promise<string> => {
    const output = file('bad.aci');
    await makeTinyStage1({
      output,
      name: 'example.com/bad',
      annotations,
      ...(prepare === undefined ? {} : { prepare }),
    });
    const { status, stdout, stderr } = run(`--stage1-path=${output}`);
    expect([status, stdout, host.uuids()]).toEqual([254, '', []]);
    return stderr
      .split('\n')
      .filter((line) => line.includes('stage1 image'))
      .join('\n');
  };
  const bad = 'rkt: stage1 image example.com/bad:0.0.1:';

  test('of an app', () => {
    const { stderr } = run('--stage1-name=example.com/app');
    expect(stderr).toBe(
      'rkt: stage1 image example.com/app:1.0.0: its manifest has no annotation coreos.com/rkt/stage1/run\n' +
        'rkt: is it an image of an app? Those are named without a --stage1 option\n',
    );
  });

  test('without run', async () => {
    expect(await refused({ run: undefined })).toBe(`${bad} its manifest has no annotation coreos.com/rkt/stage1/run`);
  });

  test.each(['0', '7', '2.0', 'two', ''])('of interface version "%s"', async (version) => {
    expect(await refused({ 'interface-version': version })).toBe(
      `${bad} the annotation coreos.com/rkt/stage1/interface-version is "${version}"; this rkt speaks the versions 1 to 6`,
    );
  });

  test.each(['ex/run', '/ex/../ex/run', '/ex/./run', '/', ''])('with an entrypoint at "%s"', async (path) => {
    expect(await refused({ run: path })).toBe(
      `${bad} the annotation coreos.com/rkt/stage1/run must be an absolute path without "." and "..", is "${path}"`,
    );
  });

  test('with an entrypoint that is missing, a directory, or not executable', async () => {
    expect(await refused({ run: '/ex/walk' })).toBe(`${bad} its entrypoint /ex/walk is not in the image`);
    expect(await refused({ enter: '/ex' })).toBe(`${bad} its entrypoint /ex is not an executable file`);
    const plain = (rootfs: string): void => writeFileSync(join(rootfs, 'ex', 'plain'), '#!/bin/sh\n', { mode: 0o644 });
    expect(await refused({ gc: '/ex/plain' }, plain)).toBe(`${bad} its entrypoint /ex/plain is not an executable file`);
  });

  test.each(['/bin/sh', '../../../../../../../../bin/sh'])(
    'with a link to %s of the host as an entrypoint',
    async (target) => {
      const link = (rootfs: string): void => symlinkSync(target, join(rootfs, 'ex', 'out'));
      expect(await refused({ stop: '/ex/out' }, link)).toBe(`${bad} its entrypoint /ex/out is not in the image`);
    },
  );
});

describe('the built-in stage1', () => {
  const lib = join(rktPath, '..', '..', 'lib', 'rkt', 'stage1');

  test('is an image, and says what rkt takes for granted of it', () => {
    const text = readFileSync(join(lib, 'manifest'), 'utf8');
    expect(JSON.parse(text)).toEqual(builtinManifest());
    const { version, entrypoints } = readStage1Interface(parseImageManifest(text));
    expect(version).toBe(newestInterface);
    expect([...entrypoints.keys()]).toEqual([...entrypointKinds]);
    for (const kind of entrypointKinds) {
      expect(entrypoints.get(kind)).toBe(`/${kind}`);
      expect(statSync(join(lib, 'rootfs', kind)).mode & 0o111).toBe(0o111);
      expect(builtinStage1()[kind]).toMatch(new RegExp(`stage1[-/].*${kind}$`));
    }
  });

  test('runs pods as an image too', () => {
    const archive = file('builtin.aci');
    const foreign = file('foreign.aci');
    host.exec(['tar', '-C', lib, '-cf', archive, 'manifest', 'rootfs']);
    const { stdout, status } = host.rkt([insecure, 'run', `--stage1-path=${archive}`, 'example.com/app']);
    expect(stdout).toMatch(/^hello from the app\n/);
    expect(status).toBe(7);
    const manifest = readFileSync(join(lib, 'manifest'), 'utf8').replace('RKTPLAN1', 'RKTPLAN9');
    writeFileSync(file('manifest'), manifest);
    host.exec(['tar', '-cf', foreign, '-C', host.dir, 'manifest', '-C', lib, 'rootfs']);
    expect(host.rkt([insecure, 'run', `--stage1-path=${foreign}`, 'example.com/app']).stderr).toContain(
      'the annotation rkt.io/stage1/launch-plan is "RKTPLAN9"; this rkt writes plans of the format RKTPLAN1\n',
    );
  });
});
