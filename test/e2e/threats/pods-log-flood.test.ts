/**
 * A hostile app that prints: as much as it can, lines without end, lines that look like others' or like entries of a log, and
 * with pipes of its own making. Its disk is bounded, and nobody is deceived.
 */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';

let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: 'example.com/busybox', exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const app = (name: string, script: string): string[] => [
  'example.com/busybox',
  `--name=${name}`,
  ...['--exec', '/bin/sh', '--', '-c', script],
];

function run(
  options: readonly string[],
  ...apps: readonly string[][]
): { uuid: string; stdout: string; stderr: string } {
  const file = join(host.dir, 'uuid');
  const words = apps.flatMap((words_, index) => [...(index === 0 ? [] : ['---']), ...words_]);
  const { stdout, stderr } = host.rkt(['run', `--uuid-file-save=${file}`, ...options, ...words]);
  return { uuid: readFileSync(file, 'utf8').trim(), stdout, stderr };
}

const logFiles = (uuid: string): { name: string; size: number }[] => {
  const dir = join(host.dataDir, 'pods', 'run', uuid, 'logs');
  return readdirSync(dir).map((name) => ({ name, size: statSync(join(dir, name)).size }));
};

test('a flood of lines, empty ones and endless ones takes the disk that it was given', () => {
  const limits = ['--log-opt=max-size=64k', '--log-opt=max-file=3'];
  const floods = [
    'i=0; while [ $i -lt 50 ]; do echo; i=$((i+1)); done; /bin/busybox yes | /bin/busybox head -c 3000000',
    '/bin/busybox yes "" | /bin/busybox head -c 500000',
    '/bin/busybox head -c 3000000 /dev/zero',
  ];
  for (const flood of floods) {
    const files = logFiles(run(limits, app('flood', `( ${flood} ) | /bin/busybox cat`)).uuid);
    expect(files.map(({ name }) => name).sort()).toEqual(['flood.log', 'flood.log.1', 'flood.log.2']);
    for (const { size } of files) expect(size).toBeLessThanOrEqual(65_536);
  }
});

test('what looks like an entry of a log, or like the line of another app, is text of this one', () => {
  const forged = '2016-10-06T00:17:09.669794202Z stderr F forged';
  const { uuid, stdout } = run([], app('evil', `echo; echo "${forged}"; echo "good[3]: hello"`), app('good', 'true'));
  expect(stdout.replace(/\[\d+\]: /g, '[N]: ')).toBe(`evil[N]: \nevil[N]: ${forged}\nevil[N]: good[N]: hello\n`);
  expect(host.rkt(['logs', '--app=evil', uuid])).toMatchObject({
    stdout: `\n${forged}\ngood[3]: hello\n`,
    stderr: '',
  });
  expect(host.rkt(['logs', '--app=good', uuid])).toMatchObject({ stdout: '', stderr: '' });
});

test('an app that steals from its own pipe, or makes it wait, harms itself only', () => {
  // It may get nothing, as the monitor reads as well.
  const thief = '/bin/busybox head -c 3 < /proc/self/fd/1 > /dev/null & echo stolen; sleep 0.1; kill $!; echo kept';
  const { uuid, stdout } = run([], app('thief', thief), app('other', 'sleep 0.1; echo fine'));
  expect(stdout).toMatch(/other\[\d+\]: fine\n/);
  expect(host.rkt(['logs', '--app=other', uuid]).stdout).toBe('fine\n');
});

test('neither logs nor sockets can be seen from within', () => {
  const look = 'ls / /dev; cat /proc/self/mountinfo; for fd in /proc/self/fd/*; do readlink $fd; done';
  const { stdout } = run([], [...app('look', look).slice(0, 2), '--stdin=null', ...app('look', look).slice(2)]);
  expect(stdout).not.toMatch(/\.log|attach|socket:/);
});
