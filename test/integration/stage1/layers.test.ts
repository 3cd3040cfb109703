/** Root filesystems of many layers, as Docker images have them. */

import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

/** An image below `count` layers, the uppermost first; every layer has a file of its own, and one that all have. */
function stack(count: number): string[] {
  const layers = Array.from({ length: count }, (_, index) => {
    const dir = pod.directory(`layer-${index}`);
    writeFileSync(join(dir, `own-${index}`), '');
    writeFileSync(join(dir, 'top'), `${index}\n`);
    return dir;
  });
  return [...layers, pod.image];
}

const look = (count: number): ReturnType<TestPod['run']> =>
  pod.run(
    pod.app({ root: { lowers: stack(count), upper: pod.upper() }, script: 'cat top; ls | grep -c own-; echo x > new' }),
  );

test.each([1, 20, 60])('%d layers', async (count) => {
  expect(await look(count)).toEqual({ code: 0, stdout: `0\n${count}\n`, stderr: '' });
});

test('130 layers, from Linux 6.7 on', async () => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  const known = major > 6 || (major === 6 && minor >= 7);
  expect(await look(130)).toEqual(
    known
      ? { code: 0, stdout: '0\n130\n', stderr: '' }
      : {
          code: 254,
          stdout: '',
          stderr:
            'rkt: app "app": building the root filesystem: an image of 131 layers needs Linux 6.7 or newer, or --no-overlay\n',
        },
  );
});
