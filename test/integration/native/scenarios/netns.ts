/** Makes and removes network namespaces many times; argument: directory. */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../../native/index.ts';

const dir = process.argv[2] ?? '';

/** The namespaces of all threads of this process. */
const namespaces = (): string[] => [
  ...new Set(readdirSync('/proc/self/task').map((task) => readlinkSync(`/proc/self/task/${task}/ns/net`))),
];
const descriptors = (): number => readdirSync('/proc/self/fd').length;
const mounts = (): number => readFileSync('/proc/self/mountinfo', 'latin1').split('\n').length;
const failure = async (work: () => Promise<unknown> | unknown): Promise<unknown> => {
  try {
    return await work();
  } catch (error) {
    const { message, code, errno, syscall } = error as NodeJS.ErrnoException;
    return { message: message.replaceAll(dir, 'DIR'), code, errno, syscall };
  }
};

const before = { namespaces: namespaces(), mounts: mounts() };
const path = join(dir, 'one');
await native.createNetns(path);
native.removeNetns(path);
const beforeLoop = descriptors();
for (let round = 0; round < 50; round++) {
  const paths = [0, 1, 2].map((n) => join(dir, `${round}-${n}`));
  await Promise.all(paths.map((name) => native.createNetns(name)));
  for (const name of paths) native.removeNetns(name);
}
const afterLoop = descriptors();

await native.createNetns(path);
const errors = {
  exists: await failure(() => native.createNetns(path)),
  noDirectory: await failure(() => native.createNetns(join(dir, 'missing', 'x'))),
  noNamespace: await failure(() => native.netlinkOpen({ protocol: 0, netns: join(dir, 'absent') })),
  notNamespace: await failure(() => native.netlinkOpen({ protocol: 0, netns: '/proc/self/maps' })),
};
native.removeNetns(path);
native.removeNetns(path);
process.stdout.write(
  JSON.stringify({
    before,
    after: { namespaces: namespaces(), mounts: mounts() },
    leaked: afterLoop - beforeLoop,
    left: readdirSync(dir),
    errors,
  }),
);
