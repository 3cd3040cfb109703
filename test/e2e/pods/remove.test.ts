/** `rkt rm`, names, and finding pods. */

import { readdirSync, readFileSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;
const busybox = 'example.com/busybox';

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: busybox, exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  expect(host.uuids()).toEqual([]);
  expect(readdirSync(join(host.dataDir, 'pods', 'names'))).toEqual([]);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

describe('gc', () => {
  test.each(['0s', '1ns'])(
    'removes the others where a pod cannot be looked at, with a grace period of %s',
    (period) => {
      host.ok(['run', busybox]);
      host.ok(['run', busybox]);
      const pods = host.uuids();
      host.ok(['gc', '--mark-only']);
      // Before all others, and a link to itself.
      const broken = '00000000-0000-4000-8000-000000000000';
      const path = join(host.dataDir, 'pods', 'exited-garbage', broken);
      symlinkSync(broken, path);
      const { status, stdout, stderr } = host.rkt(['gc', `--grace-period=${period}`]);
      unlinkSync(path);
      expect(status).toBe(254);
      expect(stderr).toContain(`pod ${broken} stays in ${path} until the next gc: `);
      expect(stdout.trim().split('\n').sort()).toEqual(
        pods.map((uuid) => `Garbage collecting container "${uuid}"`).sort(),
      );
      expect(host.uuids()).toEqual([]);
    },
  );
});

describe('rm', () => {
  test('removes what has exited, what was prepared, and what lies in the garbage', () => {
    const ids = join(host.dir, 'id');
    host.ok(['run', `--uuid-file-save=${ids}`, busybox]);
    const exited = readFileSync(ids, 'utf8').trim();
    host.ok(['gc', '--mark-only']);
    host.ok(['run', '--pod-name=web', busybox]);
    const web = host.uuids().find((uuid) => uuid !== exited) as string;
    const prepared = host.ok(['prepare', busybox]).trim();
    expect(host.ok(['rm', exited.slice(0, 13), 'web', prepared])).toBe(`"${exited}"\n"${web}"\n"${prepared}"\n`);
  });

  test('takes the UUID from a file', () => {
    const file = join(host.dir, 'uuid');
    host.ok(['run', `--uuid-file-save=${file}`, busybox]);
    expect(host.ok(['rm', `--uuid-file=${file}`])).toBe(`"${readFileSync(file, 'utf8').trim()}"\n`);
    writeFileSync(file, 'a\nb\n');
    expect(host.rkt(['rm', `--uuid-file=${file}`]).stderr).toBe(`rkt: --uuid-file: ${file} does not hold one UUID\n`);
    expect(host.rkt(['rm', '--uuid-file=/nope']).stderr).toBe(
      'rkt: --uuid-file: cannot open /nope: no such file or directory\n',
    );
  });

  test('leaves a running pod, removes the others, and says so', async () => {
    const pod = host.start(['run', '--pod-name=busy', busybox, '--exec', '/bin/sh', '--', '-c', 'echo up; read line']);
    await pod.prints(/up/);
    const [running = ''] = host.uuids();
    const other = host.ok(['prepare', busybox]).trim();
    expect(host.rkt(['rm', 'busy', 'nothing', other])).toEqual({
      status: 254,
      signal: null,
      stdout: `"${other}"\n`,
      stderr:
        `rkt: pod ${running} cannot be removed: it is running\n` +
        `rkt: stop it first: rkt stop ${running.slice(0, 8)}\n` +
        'rkt: no pod matches "nothing"\nrkt: see "rkt list"\n',
    });
    pod.child.stdin?.end('\n');
    await pod.ended;
    host.ok(['rm', 'busy']);
  });

  test('kills a running pod with --force', async () => {
    const pod = host.start(['run', '--pod-name=busy', busybox, '--exec', '/bin/sh', '--', '-c', 'echo up; read line']);
    await pod.prints(/up/);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['rm', '--force', 'busy'])).toBe(`"${uuid}"\n`);
    expect((await pod.ended).status).toBe(137);
  });

  test('needs a pod', () => {
    expect(host.rkt(['rm'])).toMatchObject({ status: 254, stderr: 'rkt: rkt rm takes at least one UUID\n' });
  });
});

describe('a name', () => {
  test('is taken from a pod that has exited, with --replace', () => {
    const replacing = ['run', '--pod-name=sql', '--replace', busybox];
    host.ok(replacing);
    const [first = ''] = host.uuids();
    host.ok(replacing);
    const [second = ''] = host.uuids().filter((uuid) => uuid !== first);
    expect(host.ok(['status', 'sql'])).toBe(host.ok(['status', second]));
    expect(host.ok(['status', first])).not.toContain('name=');
    // One that does not come to run gives the name back.
    const failing = ['run', '--pod-name=sql', '--replace', '--volume=x,kind=host,source=/nowhere', busybox];
    expect(host.rkt(failing).status).toBe(254);
    expect(host.ok(['status', 'sql'])).toBe(host.ok(['status', second]));
    host.ok(['rm', first, second]);
    expect(host.rkt(['run', '--replace', busybox]).stderr).toContain(
      'rkt: --replace says what becomes of a name, and --pod-name gives none\n',
    );
  });

  test('stands wherever a UUID may, and belongs to one pod', () => {
    host.ok(['run', '--pod-name=sql', busybox]);
    const [uuid = ''] = host.uuids();
    expect(host.ok(['status', 'sql'])).toMatch(/^state=exited\nname=sql\n/);
    expect(JSON.parse(host.ok(['cat-manifest', 'sql'])).apps).toHaveLength(1);
    expect(host.ok(['list'])).toMatch(/^UUID .* NETWORKS +NAME\n.* sql\n$/);
    for (const command of ['run', 'prepare']) {
      expect(host.rkt([command, '--pod-name=sql', busybox])).toMatchObject({
        status: 254,
        stderr: `rkt: --pod-name "sql": pod ${uuid} has that name\nrkt: choose another name, "rkt rm sql", or take the name from it with --replace\n`,
      });
    }
    host.ok(['gc', '--mark-only']);
    expect(host.rkt(['status', 'sql']).stderr).toBe('rkt: no pod matches "sql"\nrkt: see "rkt list"\n');
    host.ok(['run', '--pod-name=sql', busybox]);
    expect(host.ok(['status', uuid])).not.toContain('name=');
    host.ok(['rm', 'sql', uuid]);
  });

  test('that cannot be one is refused before anything is made', () => {
    expect(host.rkt(['run', '--pod-name=a/b', busybox]).stderr).toMatch(/^rkt: --pod-name "a\/b": the name must have /);
  });

  test('of a pod that could not be made is free again', () => {
    expect(host.rkt(['run', '--pod-name=x', '--volume=v,kind=host,source=/nope', busybox]).status).toBe(254);
    expect(
      host.rkt(['run', '--pod-name=x', '--private-net', '--mds-register=false', '--hostname=!', busybox]).status,
    ).toBe(254);
    host.ok(['run', '--pod-name=x', busybox]);
    host.ok(['rm', 'x']);
  });
});
