/** Images that would fill the disk or the memory (CVE-2023-25153): capped, cleaned up, and other images stay whole. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { manifestOf } from '../../integration/image/archives.ts';
import { busybox, shellApp, writeAci } from '../../support/acis.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const at = (name: string): string => join(host.dir, name);

beforeAll(async () => {
  host = await Sandbox.create();
  // A disk of its own, seen in the sandbox only: full is full.
  host.exec(['sh', '-c', `mkdir ${host.dataDir} && mount -t tmpfs -o size=32M tmpfs ${host.dataDir}`]);
  const good = writeAci(at('good.aci'), 'example.com/good', busybox(), shellApp('echo intact'));
  host.ok(['-insecure-skip-verify', 'fetch', good]);
});

afterEach(() => {
  expect(host.exec(['ls', join(host.dataDir, 'images', 'tmp')]).stdout).toBe('');
  expect(host.ok(['image', 'verify', 'example.com/good'])).toContain('successfully verified');
  expect(host.ok(['run', 'example.com/good'])).toBe('intact\n');
  host.ok(['gc', '--grace-period=0s']);
  expect(host.ok(['image', 'list', '--no-legend']).trim().split('\n')).toHaveLength(1);
});

afterAll(async () => {
  host.exec(['umount', host.dataDir]);
  await host.destroy();
});

function refusal(file: string): string {
  const { status, stdout, stderr } = host.rkt(['-insecure-skip-verify', 'fetch', file], { timeout: 120_000 });
  expect([status, stdout]).toEqual([254, '']);
  return stderr
    .split('\n')
    .filter((line) => !/^rkt: (fetching|warning)/.test(line))
    .join('\n')
    .replaceAll(file, 'FILE')
    .replace(/\d{5,} bytes/, 'N bytes');
}

describe.each(['gzip', 'zstd', 'xz', 'bzip2'])('a bomb, compressed with %s', (program) => {
  test('is stopped at the space that is free', () => {
    const script = `mkdir -p bomb/rootfs && printf '%s' '${manifestOf('example.com/bomb')}' >bomb/manifest && truncate -s 200M bomb/rootfs/zeros && tar -C bomb -c manifest rootfs | ${program} >bomb.aci; rm -r bomb`;
    execFileSync('sh', ['-c', script], { cwd: host.dir });
    expect(refusal(at('bomb.aci'))).toBe(
      'rkt: cannot import image FILE: it unpacks to more than N bytes, nine tenths of what is free\n',
    );
  }, 120_000);
});

test('a full disk is one sentence and a hint', () => {
  const content = Buffer.alloc(24 * 1024 * 1024, 1);
  const file = writeAci(at('large.aci'), 'example.com/large', [{ path: 'rootfs/large', content }]);
  expect(refusal(file)).toBe(
    `rkt: cannot import image FILE: writing in ${host.dataDir}/images: no space is left on the device\n` +
      'rkt: free some space, or name another data directory with --dir\n',
  );
});

test('a huge manifest', () => {
  const file = writeAci(at('huge.aci'), 'example.com/huge', [], {
    annotations: [{ name: 'x', value: 'y'.repeat(2 << 20) }],
  });
  expect(refusal(file)).toMatch(
    /^rkt: cannot import image FILE: its manifest has N bytes, more than the 1048576 allowed\n$/,
  );
});

test('more small files than there is room for', () => {
  execFileSync(
    'python3',
    [
      '-c',
      `import tarfile, io
with tarfile.open('many.aci', 'w:gz', compresslevel=1) as tar:
    def add(name, data=b'', kind=tarfile.REGTYPE):
        info = tarfile.TarInfo(name); info.size = len(data); info.type = kind; info.mode = 0o755
        tar.addfile(info, io.BytesIO(data))
    add('manifest', b'''${manifestOf('example.com/many')}''')
    add('rootfs', kind=tarfile.DIRTYPE)
    for number in range(100000): add(f'rootfs/f{number}')`,
    ],
    { cwd: host.dir },
  );
  expect(refusal(at('many.aci'))).toMatch(/^rkt: cannot import image FILE: /);
}, 120_000);
