/** Makes and removes user namespaces many times, with and without networks; argument: directory. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../../native/index.ts';

const dir = process.argv[2] ?? '';
const path = join(dir, 'users');
const netns = join(dir, 'net');

const descriptors = (): number => readdirSync('/proc/self/fd').length;
const mounts = (): number => readFileSync('/proc/self/mountinfo', 'latin1').split('\n').length;
const children = (): string =>
  readdirSync('/proc/self/task')
    .map((task) => readFileSync(`/proc/self/task/${task}/children`, 'utf8'))
    .join('');
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: Error) => error.message.replaceAll(dir, 'DIR'),
  );

const mountsBefore = mounts();
await native.createUserNamespace(path, 1_000_000, 1000, netns);
const inside = execFileSync('nsenter', [`--user=${path}`, `--net=${netns}`, 'cat', '/proc/self/uid_map'], {
  encoding: 'utf8',
});
native.removeNetns(path);
native.removeNetns(netns);

const descriptorsBefore = descriptors();
for (let round = 0; round < 30; round++) {
  const names = [0, 1, 2].map((n) => join(dir, `${round}-${n}`));
  const nets = names.map((name, n) => (n === 0 ? '' : `${name}-net`));
  await Promise.all(names.map((name, n) => native.createUserNamespace(name, 1_000_000 + n, 10, nets[n] as string)));
  for (const name of [...names, ...nets.filter((net) => net !== '')]) native.removeNetns(name);
}
const leaked = descriptors() - descriptorsBefore;

writeFileSync(netns, '');
const errors = {
  network: await failure(native.createUserNamespace(path, 1, 1, netns)),
  directory: await failure(native.createUserNamespace(join(dir, 'missing', 'x'), 1, 1, '')),
  ids: await failure(native.createUserNamespace(path, 0xffff_ffff, 2, '')),
};
native.removeNetns(netns);
process.stdout.write(
  JSON.stringify({
    inside: inside.trim().replace(/ +/g, ' '),
    leaked,
    mounts: mounts() - mountsBefore,
    children: children(),
    left: readdirSync(dir),
    errors,
  }),
);
