/**
 * A hostile app that holds its own output: sendfile(2) into a pipe keeps the pipe's lock while its source has nothing, so whoever
 * reads the pipe waits with it and cannot be woken. The pod is stopped all the same.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { makeImage } from '../../../deploy/demo/images.ts';
import { Sandbox } from '../../support/sandbox.ts';
import { Terminal } from '../../support/terminal.ts';

const image = 'example.com/busybox';
let host: Sandbox;

beforeAll(async () => {
  host = await Sandbox.create();
  const file = join(host.dir, 'busybox.aci');
  await makeImage({ name: image, exec: ['/bin/true'], output: file });
  host.ok(['-insecure-skip-verify', 'fetch', file]);
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
});

afterAll(() => host.destroy());

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
};

/** The app's process on the host, once it waits in sendfile(2) (number 40 or 71) for its terminal. */
async function heldPod(): Promise<string> {
  for (;;) {
    for (const uuid of host.uuids()) {
      const pid = read(join(host.dataDir, 'pods', 'run', uuid, 'appsinfo', 'busybox', 'pid'));
      if (/^(40|71) /.test(read(`/proc/${pid}/syscall`))) return uuid;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}

// Standard input is a terminal on which nobody types. What cat does with it is what a hostile program would do on purpose.
const run = ['run', '--stop-timeout=200ms', image, '--exec', '/bin/cat'];

test.each([
  ['SIGTERM', (uuid: string) => host.ok(['stop', uuid])],
  ['kill -9 of the pod', (uuid: string) => host.ok(['stop', '--force', uuid])],
])('%s', async (_, stop) => {
  const terminal = Terminal.rkt(host, run);
  const uuid = await heldPod();
  expect(stop(uuid)).toBe(`"${uuid}"\n`);
  expect(await terminal.over()).toMatchObject({ restored: true });
});

test('its monitor hears a Ctrl-C', async () => {
  const terminal = Terminal.rkt(host, run, 'trap : INT; rkt');
  await heldPod();
  terminal.type('\x03');
  expect(await terminal.over()).toMatchObject({ restored: true });
});
