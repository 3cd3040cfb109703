/** What an app leaves behind is removed by root: nothing in it leads gc out of the pod, and one pod that cannot be removed keeps no other. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
let kept: string;
const busybox = 'example.com/busybox';

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: busybox, exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
  kept = join(host.dir, 'kept');
  mkdirSync(join(kept, 'below'), { recursive: true });
  writeFileSync(join(kept, 'below', 'file'), '');
});

afterEach(() => {
  expect(readdirSync(join(kept, 'below'))).toEqual(['file']);
  expect(host.uuids()).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const run = (script: string): void => void host.ok(['run', busybox, '--exec', '/bin/sh', '--', '-c', script]);

test.each(['gc', 'rm'])('%s removes links as links, and trees deeper than any path', (command) => {
  const up = '../'.repeat(20);
  run(
    `ln -s ${kept} /absolute; ln -s ${up}${kept.slice(1)} /relative; ln -s ${kept}/below/file /file; mkfifo /pipe; ` +
      'mkdir /.removed-0 /none; chmod 0 /none; ' +
      `i=0; while [ $i -lt 200 ]; do n=$(printf %0100d $i); mkdir $n; ln -s ${kept} $n/link; cd $n; i=$((i+1)); done`,
  );
  const [uuid = ''] = host.uuids();
  expect(host.ok(command === 'gc' ? ['gc', '--grace-period=0s'] : ['rm', uuid])).toContain(uuid);
});

test('a pod with a mount in it stays until that is gone, and the others go', () => {
  for (let pods = 0; pods < 5; pods++) run('mkdir /below');
  const [uuid = ''] = host.uuids();
  host.ok(['gc', '--mark-only']);
  const dir = join(host.dataDir, 'pods', 'exited-garbage', uuid);
  const mounted = join(dir, 'overlay', 'busybox', 'upper', 'below');
  host.exec(['mount', '--bind', kept, mounted]);
  const { status, stderr } = host.rkt(['gc', '--grace-period=0s']);
  expect(stderr).toBe(
    `rkt: warning: pod ${uuid} stays in ${dir} until the next gc: removing below below ${dir}: Device or resource busy\n`,
  );
  expect(status).toBe(254);
  expect(host.uuids()).toEqual([uuid]);
  expect(existsSync(dir)).toBe(true);
  host.exec(['umount', mounted]);
  expect(host.ok(['gc', '--grace-period=0s'])).toBe(`Garbage collecting container "${uuid}"\n`);
});
