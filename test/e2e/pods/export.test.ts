/** What an app makes of its image, as an image. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { busybox as shell, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const image = 'example.com/busybox';
const path = (name: string): string => join(host.dir, name);

beforeAll(async () => {
  host = await Sandbox.create();
  await makeImage({
    name: image,
    exec: ['/bin/cat', '/etc/made'],
    output: path('busybox.aci'),
    app: { environment: [{ name: 'FROM', value: 'image' }] },
    prepare: (rootfs) => writeFileSync(join(rootfs, 'etc', 'gone'), ''),
  });
  host.ok(['-insecure-skip-verify', 'fetch', path('busybox.aci')]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s', '--expire-prepared=0s']);
  host.ok(['gc', '--grace-period=0s']);
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const change = [
  'echo made > /etc/made; rm /etc/gone; rm -r /usr; mkdir /usr; echo u > /usr/new',
  'mkdir -m 1770 /d; chown 12:34 /d; echo x > /d/a; ln /d/a /d/b; ln -s ../etc/made /d/link; mkfifo /d/pipe 2>/dev/null || mknod /d/pipe p',
  'cp /bin/busybox /d/suid; chmod 4711 /d/suid; touch -d "2001-02-03 04:05:06" /d/old',
].join('\n');

/** Everything about the files that a test can see from inside. */
const listing = [
  'find / -xdev | grep -Ev "^/(proc|sys|dev)(/|$)|^/etc/hosts$" | sort | while read f; do',
  '  stat -c "%n %F %a %u %g %t:%T" "$f"; test -f "$f" && { stat -c "%h %Y" "$f"; md5sum < "$f"; }; readlink "$f"; done; true',
].join('\n');

const script = (name: string, text: string, ...options: string[]): string =>
  host.ok(['-insecure-skip-verify', 'run', ...options, name, '--exec', '/bin/sh', '--', '-c', text]);

describe('a round trip', () => {
  test.each([[], ['--no-overlay']])('keeps every file with its properties: %j', (...options) => {
    // Of one and the same root filesystem, before it is exported and after it was imported.
    const before = script(image, `${change}\n${listing}`, '--pod-name=x', ...options);
    host.ok(['export', '--overwrite', 'x', path('out.aci')]);
    expect(script(path('out.aci'), listing)).toBe(before);
    expect(host.ok(['-insecure-skip-verify', 'run', path('out.aci')])).toBe('made\n');
    const made = host.exec(['tar', '-tf', path('out.aci')]).stdout;
    expect(made).not.toMatch(/etc\/(hosts|gone)$/m);
    host.ok(['rm', 'x']);
  });

  test('keeps what the app wrote to files that rkt made', () => {
    script(image, 'sleep 0.1; echo 10.0.0.1 other >> /etc/hosts', '--pod-name=h');
    host.ok(['export', '--overwrite', 'h', path('hosts.aci')]);
    expect(script(path('hosts.aci'), 'cat /etc/hosts')).toContain('10.0.0.1 other\n');
  });

  test('has the image’s own manifest, not what the user added', () => {
    script(image, 'true', '--pod-name=m', '--set-env=SECRET=x');
    host.ok(['export', 'm', path('manifest.aci')]);
    const { app, name } = JSON.parse(host.exec(['tar', '-xOf', path('manifest.aci'), 'manifest']).stdout);
    expect([name, app.exec, app.environment]).toEqual([
      image,
      ['/bin/cat', '/etc/made'],
      [{ name: 'FROM', value: 'image' }],
    ]);
  });

  test('of an image with dependencies and a whitelist stands by itself', () => {
    writeAci(path('base.aci'), 'example.com/base', shell());
    writeAci(path('top.aci'), 'example.com/top', [{ path: 'rootfs/file', content: Buffer.from('top\n') }], {
      dependencies: [{ imageName: 'example.com/base' }],
      pathWhitelist: ['/bin/busybox', '/bin/sh', '/bin/cat', '/file'],
      ...{ app: { exec: ['/bin/cat', '/file', '/new'], user: '0', group: '0' } },
    });
    host.ok(['-insecure-skip-verify', 'fetch', '--pull-policy=new', path('base.aci'), path('top.aci')]);
    script('example.com/top', 'echo new > /new', '--pod-name=t');
    host.ok(['export', 't', path('alone.aci')]);
    host.ok(['rm', 't']);
    for (const name of ['example.com/top', 'example.com/base']) host.ok(['image', 'rm', name]);
    expect(host.ok(['-insecure-skip-verify', 'run', path('alone.aci')])).toBe('top\nnew\n');
  });

  test('of an image that does not say what to execute has what was executed', () => {
    writeAci(path('plain.aci'), 'example.com/plain', shell());
    host.ok(['-insecure-skip-verify', 'run', '--pod-name=p', path('plain.aci'), '--exec', '/bin/echo', '--', 'hello']);
    host.ok(['export', 'p', path('said.aci')]);
    expect(host.ok(['-insecure-skip-verify', 'run', path('said.aci')])).toBe('hello\n');
  });

  test('leaves out what cannot be in an image, and says so', () => {
    script(image, 'mknod /null c 1 3', '--pod-name=n');
    expect(host.rkt(['export', 'n', path('nodes.aci')])).toMatchObject({
      status: 0,
      stderr: 'rkt: warning: "/null" is left out: it is a device node outside of /dev\n',
    });
  });
});

describe('refused is', () => {
  test('a pod that runs or has not run, one with several apps, a file that exists or is named otherwise', async () => {
    const pod = host.start(['run', '--pod-name=r', image, '--exec', '/bin/sh', '--', '-c', 'echo up; read line']);
    await pod.prints(/up/);
    const [uuid = ''] = host.uuids();
    expect(host.rkt(['export', 'r', path('r.aci')]).stderr).toBe(
      `rkt: pod ${uuid} cannot be exported: its state is "running"\n` +
        `rkt: its files change while it runs; stop it first: rkt stop ${uuid.slice(0, 8)}\n`,
    );
    pod.child.stdin?.end('\n');
    await pod.ended;
    const prepared = host.ok(['prepare', image, '--name=a', image, '--name=b']).trim();
    expect(host.rkt(['export', prepared, path('r.aci')]).stderr).toContain('its state is "prepared"\n');
    expect(host.rkt(['export', 'r', path('r.tar')]).stderr).toContain('the file must end in .aci');
    writeFileSync(path('taken.aci'), 'mine');
    expect(host.rkt(['export', 'r', path('taken.aci')]).stderr).toContain('it exists\n');
    expect(readFileSync(path('taken.aci'), 'utf8')).toBe('mine');
    expect(host.rkt(['export', '--app=z', 'r', path('r.aci')]).stderr).toBe(
      'rkt: the pod has no app "z"\nrkt: it has busybox\n',
    );
    expect(readdirSync(host.dir).filter((name) => name.startsWith('r.'))).toEqual([]);
  });

  test('none of two apps, but one of them can be chosen', () => {
    const apps = [
      image,
      '--name=a',
      '--exec',
      '/bin/touch',
      '--',
      '/by-a',
      '---',
      image,
      '--name=b',
      '--exec',
      '/bin/true',
    ];
    host.ok(['run', '--pod-name=two', ...apps]);
    expect(host.rkt(['export', 'two', path('two.aci')]).stderr).toBe(
      'rkt: the pod has 2 apps\nrkt: choose one with --app: a, b\n',
    );
    host.ok(['export', '--app=a', 'two', path('two.aci')]);
    expect(script(path('two.aci'), 'ls /')).toContain('by-a\n');
  });
});
