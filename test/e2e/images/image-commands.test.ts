/** `rkt image` as its users know it. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const at = (...names: string[]): string => join(host.dir, ...names);
const trees = (): string[] => readdirSync(at('data', 'images', 'trees')).toSorted();

/** Stores an image and returns its id. */
function store(name: string, version: string, content = version, members: object = shellApp('cat /content')): string {
  const labels = [{ name: 'version', value: version }];
  const specs = [...busybox(), { path: 'rootfs/content', content }];
  const file = writeAci(at(`${name}-${version}.aci`), `example.com/${name}`, specs, { labels, ...members });
  return host.ok(['-insecure-skip-verify', 'fetch', '--full', '--pull-policy=new', file]).trim();
}

/** What is printed on standard error by a command that must fail with 254 and print nothing else. */
function refusal(...args: string[]): string {
  const { status, stdout, stderr } = host.rkt(args);
  expect([status, stdout]).toEqual([254, '']);
  return stderr;
}

beforeEach(async () => {
  host = await Sandbox.create();
});

afterEach(async () => {
  host.rkt(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  await host.destroy();
});

describe('list', () => {
  interface Listed {
    id: string;
    name: string;
    latest: boolean;
    size: number;
    lastUsed: string;
    importTime: string;
  }
  const list = (): Listed[] => JSON.parse(host.ok(['image', 'list', '--format=json'])) as Listed[];

  test('shows fields, sorts and orders them', () => {
    const old = store('app', '1.0');
    const young = store('app', '2.0');
    const other = store('base', '1.0', 'x'.repeat(100_000));
    const legend = 'ID                   NAME                  IMPORT TIME  LAST USED  SIZE    LATEST';
    const lines = host.ok(['image', 'list']).split('\n');
    expect(lines[0]?.replace(/\s+/g, ' ')).toBe(legend.replace(/\s+/g, ' '));
    expect(lines.slice(1, 4).map((line) => line.split(/\s{2,}/).slice(0, 2))).toEqual([
      [old.slice(0, 19), 'example.com/app:1.0'],
      [young.slice(0, 19), 'example.com/app:2.0'],
      [other.slice(0, 19), 'example.com/base:1.0'],
    ]);
    const bare = (...options: string[]): string =>
      host.ok(['image', 'list', '--no-legend', '--full', '--fields=id,latest', ...options]);
    expect(bare()).toBe(`${old}  false\n${young}  true\n${other}  true\n`);
    expect(bare('--order=desc')).toBe(`${other}  true\n${young}  true\n${old}  false\n`);
    expect(bare('--sort=size', '--order=desc').split('  ')[0]).toBe(other);
    expect(bare('--sort=latest,id').split('  ')[0]).toBe(old);
    expect(list().map(({ id, latest }) => [id, latest])).toEqual([
      [old, false],
      [young, true],
      [other, true],
    ]);
  });

  test('says when an image was used, by itself or by one that depends on it', () => {
    const base = store('base', '1.0');
    const file = writeAci(at('top.aci'), 'example.com/top', [{ path: 'rootfs/own', content: '' }], {
      dependencies: [{ imageName: 'example.com/base' }],
      ...shellApp('true'),
    });
    host.ok(['-insecure-skip-verify', 'fetch', '--pull-policy=new', file]);
    const hour = new Date(Date.now() - 3_600_000);
    for (const { id } of list()) utimesSync(at('data', 'images', 'info', id), hour, hour);
    host.ok(['run', 'example.com/top']);
    const used = list().map(({ id, lastUsed }) => [id, Date.now() - Date.parse(lastUsed) < 600_000]);
    expect(new Map(used as [string, boolean][]).get(base)).toBe(true);
    expect(used).toHaveLength(2);
  });

  test.each([
    [
      ['--fields=id,weight'],
      'rkt: invalid value "weight" for --fields\nrkt: it takes id, name, importtime, lastused, size, latest\n',
    ],
    [['--order=up'], 'rkt: invalid value "up" for --order: must be asc or desc\n'],
    [['--format=xml'], 'rkt: invalid value "xml" for --format: must be json, json-pretty or table\n'],
    [
      ['extra'],
      'rkt: unexpected argument "extra"\nrkt: the form is: rkt image list [--fields=FIELDS] [--sort=FIELDS] [--order=asc|desc] [--full] [--no-legend] [--format=json|json-pretty]\n',
    ],
  ])('refuses %j', (args, message) => expect(refusal('image', 'list', ...args)).toBe(message));
});

describe('rm', () => {
  test('removes images with all their parts, and keeps those that are in use', () => {
    const one = store('app', '1.0');
    const two = store('app', '2.0');
    host.ok(['run', 'example.com/app:2.0']);
    const { status, stderr } = host.rkt(['image', 'rm', 'example.com/app:1.0', two.slice(0, 20)]);
    expect(status).toBe(254);
    expect(stderr).toBe(
      `rkt: successfully removed aci for image: "${one}" ("example.com/app")\n` +
        `rkt: image ${two} (example.com/app) is in use by a pod\n` +
        'rkt: 1 image(s) successfully removed\n',
    );
    expect(trees()).toEqual([two]);
    host.ok(['gc', '--grace-period=0s']);
    host.ok(['image', 'rm', two]);
    expect(trees()).toEqual([]);
    for (const part of ['blobs', 'info', 'names', 'signatures', 'tmp']) {
      expect([part, readdirSync(at('data', 'images', part))]).toEqual([part, []]);
    }
  });

  test('an unknown image', () => {
    expect(refusal('image', 'rm', 'example.com/none')).toBe(
      'rkt: image "example.com/none" is not in the store\nrkt: see "rkt image list" for those that are; "rkt fetch" gets others\n',
    );
  });
});

describe('gc', () => {
  const hoursAgo = (id: string, hours: number): void => {
    const time = new Date(Date.now() - hours * 3_600_000);
    utimesSync(at('data', 'images', 'info', id), time, time);
  };

  test('removes what was not used for long, and nothing that is needed', () => {
    const [fresh, stale, used, base] = [
      store('fresh', '1'),
      store('stale', '1'),
      store('used', '1'),
      store('base', '1'),
    ];
    const top = writeAci(at('top.aci'), 'example.com/top', [], {
      dependencies: [{ imageName: 'example.com/base' }],
      pathWhitelist: ['/content'],
    });
    const topId = host.ok(['-insecure-skip-verify', 'fetch', '--full', '--pull-policy=new', top]).trim();
    host.ok(['run', 'example.com/used']);
    for (const id of [stale, used, base]) hoursAgo(id, 25);
    const { stderr } = host.rkt(['image', 'gc']);
    expect(stderr).toBe(
      `rkt: successfully removed aci for image: "${stale}" ("example.com/stale")\n` +
        `rkt: removed treestore "${stale}"\nrkt: 1 image(s) successfully removed\n`,
    );
    expect(trees()).toEqual([fresh, used, base, topId].toSorted());
  });

  test('leaves a running pod its trees, rendered ones and those of images that are gone', async () => {
    store('base', '1');
    const top = writeAci(at('top.aci'), 'example.com/top', [], {
      dependencies: [{ imageName: 'example.com/base' }],
      pathWhitelist: ['/content', '/bin/sh', '/bin/busybox', '/bin/cat'],
      ...shellApp('echo up; read line; cat /content'),
    });
    host.ok(['-insecure-skip-verify', 'fetch', '--pull-policy=new', top]);
    const pod = host.start(['run', 'example.com/top']);
    await pod.prints(/up/);
    host.ok(['image', 'rm', 'example.com/base']);
    host.ok(['image', 'gc', '--grace-period=0s']);
    expect(trees().some((tree) => tree.startsWith('rendered-'))).toBe(true);
    pod.child.stdin?.end('\n');
    expect((await pod.ended).status).toBe(0);
    expect(pod.stdout).toBe('up\n1');
    host.ok(['gc', '--grace-period=0s']);
    host.ok(['image', 'gc', '--grace-period=0s']);
    expect(trees()).toEqual([]);
  });
});

describe('cat-manifest, export, extract', () => {
  test('give back what was put in', () => {
    const id = store('app', '1.0');
    const text = host.ok(['image', 'cat-manifest', '--pretty-print=false', 'example.com/app']);
    expect(JSON.parse(text)).toMatchObject({ acKind: 'ImageManifest', name: 'example.com/app' });
    expect(host.ok(['image', 'cat-manifest', id])).toBe(`${JSON.stringify(JSON.parse(text), null, 2)}\n`);

    execFileSync('gzip', ['-k', at('app-1.0.aci')]);
    host.ok(['-insecure-skip-verify', 'fetch', at('app-1.0.aci.gz').replace(/^/, 'file://')]);
    host.ok(['image', 'export', 'example.com/app', at('out.aci')]);
    expect(readFileSync(at('out.aci')).equals(readFileSync(at('app-1.0.aci')))).toBe(true);
    expect(
      `sha512-${createHash('sha512')
        .update(readFileSync(at('out.aci')))
        .digest('hex')}`,
    ).toBe(id);

    host.ok(['image', 'extract', 'example.com/app', at('out')]);
    expect(readFileSync(at('out', 'manifest'), 'utf8').trimEnd()).toBe(text.trimEnd());
    expect(readFileSync(at('out', 'rootfs', 'content'), 'utf8')).toBe('1.0');
    expect(refusal('image', 'extract', 'example.com/app', at('out'))).toBe(
      `rkt: cannot write ${at('out')}: it exists\nrkt: give another name, or --overwrite\n`,
    );
    host.ok(['image', 'extract', '--overwrite', '--rootfs-only', 'example.com/app', at('out')]);
    expect(readdirSync(at('out')).toSorted()).toEqual(['bin', 'content']);
    expect(refusal('image', 'export', 'example.com/app', at('out.aci'))).toContain('it exists');
  });

  test('--overwrite loses nothing but what it replaces', () => {
    store('app', '1.0');
    for (const path of ['old', 'keep/sub']) mkdirSync(at(path), { recursive: true });
    const files = ['old/mine', 'keep/mine', 'keep/sub/mine'];
    for (const file of files) writeFileSync(at(file), 'precious');
    host.ok(['image', 'extract', '--overwrite', '--rootfs-only', 'example.com/app', `${at('old')}/`]);
    expect(readdirSync(at('old')).toSorted()).toEqual(['bin', 'content']);
    host.ok(['image', 'render', '--rootfs-only', 'example.com/app', `${at('new')}/`]);
    expect(readdirSync(at('new')).toSorted()).toEqual(['bin', 'content']);

    for (const verb of [
      ['export', 'example.com/app'],
      ['build', '--name=example.com/x', at('new')],
    ]) {
      expect(refusal('image', verb[0] as string, '--overwrite', ...verb.slice(1), at('keep'))).toBe(
        `rkt: cannot write ${at('keep')}: it is a directory\n`,
      );
    }
    for (const file of files.slice(1)) expect(readFileSync(at(file), 'utf8')).toBe('precious');
    expect(readdirSync(host.dir).filter((name) => /unfinished|replaced/.test(name))).toEqual([]);
  });

  test('say what they take', () => {
    expect(refusal('image', 'export', 'example.com/app')).toBe(
      'rkt: rkt image export takes IMAGE and FILE\nrkt: the form is: rkt image export IMAGE FILE\n',
    );
  });
});

describe('verify', () => {
  const tree = (id: string, ...names: string[]): string => at('data', 'images', 'trees', id, 'rootfs', ...names);

  test('finds nothing where nothing is wrong', () => {
    const id = store('app', '1.0');
    expect(host.ok(['image', 'verify', 'example.com/app', id.slice(0, 20)])).toBe(
      `successfully verified checksum for image: "example.com/app" ("${id}")\n` +
        `successfully verified checksum for image: "${id.slice(0, 20)}" ("${id}")\n`,
    );
  });

  test.each<[string, (id: string) => void, string]>([
    [
      'other content of the same length',
      (id) => writeFileSync(tree(id, 'content'), '2.0'),
      '"content" has other content',
    ],
    ['a shorter file', (id) => truncateSync(tree(id, 'content')), '"content" has another size'],
    ['another time', (id) => utimesSync(tree(id, 'content'), 5, 5), '"content" has another time'],
    ['another owner', (id) => void host.exec(['chown', '5', tree(id, 'content')]), '"content" has another owner'],
    ['another mode', (id) => void host.exec(['chmod', '4755', tree(id, 'content')]), '"content" has another mode'],
    ['a missing file', (id) => void host.exec(['rm', tree(id, 'content')]), '"content" is missing'],
    ['another link', (id) => void host.exec(['ln', '-sfn', 'x', tree(id, 'bin', 'sh')]), '"bin/sh" points elsewhere'],
    [
      'a file too many',
      (id) => {
        writeFileSync(tree(id, 'bin', 'more'), '');
        utimesSync(tree(id, 'bin'), 1_000_000_000, 1_000_000_000);
      },
      'it has other files than the archive',
    ],
    [
      'another type',
      (id) => void host.exec(['sh', '-c', `rm ${tree(id, 'content')}; mkdir ${tree(id, 'content')}`]),
      '"content" is of another type',
    ],
  ])('finds and repairs %s', (_name, damage, message) => {
    const id = store('app', '1.0');
    damage(id);
    const { status, stdout, stderr } = host.rkt(['image', 'verify', id]);
    expect(stderr).toContain(`rkt: warning: image "${id}": ${message}\n`);
    expect([status, stdout]).toEqual([0, `repaired image: "${id}" ("${id}")\n`]);
    expect(host.ok(['image', 'verify', id])).toContain('successfully verified');
    expect(host.ok(['run', id])).toBe('1.0');
  });

  test('repairs nothing that a pod runs on', () => {
    const id = store('app', '1.0');
    host.ok(['run', id]);
    writeFileSync(tree(id, 'content'), '2.0');
    const { status, stderr } = host.rkt(['image', 'verify', id]);
    expect(status).toBe(254);
    expect(stderr.slice(stderr.indexOf('rkt: image sha512'))).toBe(
      `rkt: image ${id} (example.com/app) is damaged: its root filesystem: "content" has another time; "content" has other ` +
        'content\nrkt: a pod is made of it: remove the pod by "rkt gc" when it has ended, and verify the image again\n',
    );
    expect(readFileSync(tree(id, 'content'), 'utf8')).toBe('2.0');
  });

  test('says so where the archive is damaged', () => {
    const id = store('app', '1.0');
    const [blob = ''] = readdirSync(at('data', 'images', 'blobs'));
    const path = at('data', 'images', 'blobs', blob);
    const bytes = readFileSync(path);
    bytes[bytes.indexOf('1.0', bytes.indexOf('rootfs/content'))] = 0x39;
    writeFileSync(path, bytes);
    expect(refusal('image', 'verify', id)).toBe(
      `rkt: image ${id} (example.com/app) is damaged: its stored archive: its bytes have changed\n` +
        'rkt: remove it by "rkt image rm", and fetch it again\n',
    );
    expect(refusal('image', 'export', id, at('x.aci'))).toContain(
      'its stored archive is damaged: its content has changed',
    );
    expect(existsSync(at('x.aci'))).toBe(false);
  });
});

describe('build', () => {
  function source(): string {
    const root = at('source');
    mkdirSync(join(root, 'bin'), { recursive: true });
    execFileSync('cp', ['/bin/busybox', join(root, 'bin', 'busybox')]);
    symlinkSync('busybox', join(root, 'bin', 'sh'));
    return root;
  }

  test('makes an image that runs, the same bytes each time', () => {
    const root = source();
    const args = [
      '--name=example.com/built',
      '--label=version=1',
      '--environment=WHO=me',
      '--user=5',
      '--group=6',
      '--owner=0:0',
    ];
    const build = (file: string, env = {}): string =>
      host.ok(['image', 'build', root, file, ...args, '--', '/bin/sh', '-c', 'echo $WHO; id -u; id -g'], { env });
    const id = build(at('one.aci'));
    expect(build(at('two.aci'))).toBe(id);
    expect(readFileSync(at('one.aci')).equals(readFileSync(at('two.aci')))).toBe(true);
    expect(host.ok(['-insecure-skip-verify', 'fetch', '--full', at('one.aci')])).toBe(id);
    expect(host.ok(['run', 'example.com/built:1'])).toBe('me\n5\n6\n');

    // Files that were made at another time are the same with a bound on times.
    const early = build(at('three.aci'), { SOURCE_DATE_EPOCH: '1000' });
    execFileSync('find', [root, '-exec', 'touch', '-h', '-d', '2020-01-01', '{}', '+']);
    expect(build(at('four.aci'), { SOURCE_DATE_EPOCH: '1000' })).toBe(early);
    expect(build(at('five.aci'))).not.toBe(id);
    expect(execFileSync('tar', ['-tvf', at('four.aci')], { encoding: 'utf8' })).toMatch(/1970-01-01/);
  });

  test('says which ports an app listens on, and of which it expects an open socket', () => {
    const ports = ['--port=admin=udp:9', '--port=http=tcp:80,socketActivated'];
    host.ok(['image', 'build', source(), at('ports.aci'), '--name=example.com/ports', ...ports, '--', '/bin/sh']);
    const text = execFileSync('tar', ['-xzOf', at('ports.aci'), 'manifest'], { encoding: 'utf8' });
    expect((JSON.parse(text) as { app: { ports: object[] } }).app.ports).toEqual([
      { name: 'admin', protocol: 'udp', port: 9 },
      { name: 'http', protocol: 'tcp', port: 80, socketActivated: true },
    ]);
  });

  test('takes a manifest, or a directory with one', () => {
    const layout = at('layout');
    mkdirSync(layout);
    execFileSync('mv', [source(), join(layout, 'rootfs')]);
    const manifest = {
      acKind: 'ImageManifest',
      acVersion: '0.8.11',
      name: 'example.com/laid-out',
      ...shellApp('echo hi'),
    };
    writeFileSync(join(layout, 'manifest'), JSON.stringify(manifest));
    const one = host.ok(['image', 'build', layout, at('one.aci')]);
    expect(host.ok(['image', 'build', join(layout, 'rootfs'), at('two.aci'), `--manifest=${layout}/manifest`])).toBe(
      one,
    );
    expect(host.ok(['-insecure-skip-verify', 'run', at('one.aci')])).toBe('hi\n');
  });

  test.each<[string[], string]>([
    [[], 'rkt: rkt image build needs --name or --manifest\nrkt: or a directory that has "manifest" and "rootfs"\n'],
    [['--name=Not A Name'], 'rkt: image manifest: name: '],
    [
      ['--name=example.com/x', '--port=http=80'],
      'rkt: invalid value "http=80" for --port: must be NAME=tcp:80\nrkt: behind it may stand ",socketActivated"\n',
    ],
    [['--name=example.com/x', '--label=x'], 'rkt: invalid value "x" for --label: must be NAME=VALUE\n'],
    [['--name=example.com/x', '--owner=me'], 'rkt: invalid value "me" for --owner: must be two numbers, UID:GID\n'],
    [
      ['--name=example.com/x', '--compression=xz'],
      'rkt: invalid value "xz" for --compression: must be gzip, zstd or none\n',
    ],
    [
      ['--manifest=m', '--name=example.com/x'],
      'rkt: --manifest says everything: it goes with neither --name nor an executable\n',
    ],
  ])('refuses %j', (args, message) => {
    const stderr = refusal('image', 'build', source(), at('x.aci'), ...args);
    expect(stderr.slice(0, message.length)).toBe(message);
    expect(readdirSync(host.dir)).toEqual(['source']);
  });
});

describe('the command itself', () => {
  test('shows what is below it, and how to sign', () => {
    const { status, stdout } = host.rkt(['image']);
    expect(status).toBe(254);
    expect(host.ok(['help', 'image'])).toBe(stdout);
    expect(stdout).toContain('  cat-manifest  print the manifest of an image\n');
    expect(host.ok(['help', 'image', 'build'])).toContain('gpg --armor --output FILE.asc --detach-sign FILE');
    expect(host.ok(['image', 'build', '--help'])).toBe(host.ok(['help', 'image', 'build']));
  });

  test.each([
    [['image', 'lst'], 'rkt: unknown command "image lst"\nrkt: did you mean "rkt image list"?\n'],
    [['image', '--weight'], 'rkt: unknown option "--weight" for "rkt image"\n'],
    [['image', 'gc', '--weight'], 'rkt: unknown option "--weight" for "rkt image gc"\n'],
  ])('%j is a mistake', (args, message) => {
    const stderr = refusal(...args);
    expect(stderr.slice(0, message.length)).toBe(message);
  });
});
