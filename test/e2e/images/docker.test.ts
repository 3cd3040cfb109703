import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { tarOf } from '../../integration/image/archives.ts';
import { OciLayout } from '../../support/oci-layout.ts';
import { TestRegistry } from '../../support/registry.ts';
import { Sandbox } from '../../support/sandbox.ts';

const insecure = '--insecure-options=image,http';

let sandbox: Sandbox;
let registry: TestRegistry;
let layout: OciLayout;
beforeAll(async () => {
  sandbox = await Sandbox.create();
  registry = await TestRegistry.start({ inside: ['nsenter', `--net=${sandbox.netns}`, '--'] });
  layout = new OciLayout(join(sandbox.dir, 'layout'));
  const directory = (path: string) => ({ path, type: 'directory' as const });
  const shell = { path: 'bin/sh', type: 'hardlink' as const, link: 'bin/busybox' };
  const base = {
    tar: tarOf([
      directory('bin/'),
      { path: 'bin/busybox', content: readFileSync('/bin/busybox'), mode: 0o755 },
      shell,
      directory('etc/'),
      { path: 'etc/gone', content: 'x' },
      { path: 'etc/passwd', content: 'root:x:0:0::/:/bin/sh\nweb:x:7:8::/:/bin/sh\n' },
      { path: 'etc/group', content: 'root:x:0:\nweb:x:8:\n' },
    ]),
  };
  const top = {
    tar: tarOf([{ path: 'etc/.wh.gone' }, { path: 'etc/name', content: 'top\n' }]),
    compression: 'zstd' as const,
  };
  const config = {
    Entrypoint: ['sh', '-c'],
    Cmd: ['pwd; id -u; id -g; cat name; echo $GREETING; ls'],
    Env: ['PATH=/bin', 'GREETING=hello'],
    WorkingDir: '/etc',
    User: 'web',
  };
  layout.tag(layout.image({ layers: [base, top], config }), 'v1');
  registry.push(layout, 'v1', 'app');
});
afterAll(async () => {
  await registry.stop();
  await sandbox.destroy();
});

/** Layers as the registry has them, the largest first: in this order they are begun. */
function layerDigests(): string[] {
  const raw = execFileSync('nsenter', [
    `--net=${sandbox.netns}`,
    '--',
    'skopeo',
    'inspect',
    '--raw',
    '--tls-verify=false',
    registry.url('app:v1'),
  ]);
  const { layers } = JSON.parse(raw.toString()) as { layers: { digest: string; size: number }[] };
  return layers.toSorted((a, b) => b.size - a.size).map(({ digest }) => digest.slice('sha256:'.length));
}

describe('docker:// images', () => {
  test('without -insecure-skip-verify nothing is asked for', () => {
    const { status, stdout, stderr } = sandbox.rkt(['fetch', registry.url('app:v1')]);
    expect({ status, stdout, stderr }).toEqual({
      status: 254,
      stdout: '',
      stderr:
        `rkt: image ${registry.url('app:v1')}: Docker images do not support signature verification\n` +
        'rkt: if you trust the registry, switch verification off: -insecure-skip-verify or --insecure-options=image\n',
    });
  });

  test('without --insecure-options=http no registry is asked in clear text', () => {
    const { status, stderr } = sandbox.rkt(['-insecure-skip-verify', 'fetch', registry.url('app:v1')]);
    expect(status).toBe(254);
    expect(stderr.split('\n').slice(2)).toEqual([
      `rkt: cannot fetch ${registry.url('app:v1')}: the registry cannot be reached: fetching https://${registry.host}/v2/: the server does not speak TLS`,
      'rkt: a registry without TLS needs --insecure-options=http',
      '',
    ]);
  });

  test('fetch prints what it does, and does not do it again', () => {
    const first = sandbox.rkt([insecure, 'fetch', registry.url('app:v1')]);
    expect(first.stderr.split('\n')).toEqual([
      'rkt: warning: plain HTTP has been allowed',
      `rkt: fetching image from ${registry.url('app:v1')}`,
      'rkt: warning: signature verification has been disabled',
      ...layerDigests().map((digest) => `Downloading layer: ${digest}`),
      '',
    ]);
    expect(first.stdout).toMatch(/^sha512-[0-9a-f]{32}\n$/);
    const again = sandbox.rkt([insecure, 'fetch', '--pull-policy=update', registry.url('app:v1')]);
    expect(again.stderr).not.toContain('Downloading');
    expect(again.stdout).toBe(first.stdout);
    // It is in the store by now, and looking at it asks nobody.
    expect(sandbox.ok(['image', 'cat-manifest', registry.url('app:v1')])).toContain('"ImageManifest"');
    const files = join(sandbox.dir, 'files');
    sandbox.ok(['image', 'render', '--rootfs-only', registry.url('app:v1'), files]);
    expect(readFileSync(join(files, 'etc/name'), 'utf8')).toBe('top\n');
  });

  test('a stored one is run without more being allowed, and asks nobody', () => {
    const { status, stdout, stderr } = sandbox.rkt(['run', registry.url('app:v1'), '--', 'cat name']);
    expect([status, stdout, stderr]).toEqual([0, 'top\n', '']);
    expect(sandbox.ok(['fetch', '--pull-policy=never', registry.url('app:v1')])).toMatch(/^sha512-/);
    expect(sandbox.rkt(['run', '--pull-policy=update', registry.url('app:v1')]).stderr).toContain(
      'Docker images do not support signature verification',
    );
  });

  test('run: layers, whiteouts, user, directory, environment', () => {
    const { status, stdout } = sandbox.rkt([insecure, 'run', registry.url('app:v1')]);
    expect(stdout.split('\n')).toEqual([
      '/etc',
      '7',
      '8',
      'top',
      'hello',
      'group',
      'hostname',
      'hosts',
      'name',
      'passwd',
      'resolv.conf',
      '',
    ]);
    expect(status).toBe(0);
  });
});
