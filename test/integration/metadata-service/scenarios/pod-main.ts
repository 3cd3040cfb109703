/**
 * Registers a pod as `rkt run` does, with the runtime's own client, and replaces itself with a program that holds the pod's
 * lock and lease, as the monitor does. Says what came of the registration before that.
 */

import { mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { native } from '../../../../native/index.ts';
import { messageOf } from '../../../../runtime/base/errors.ts';
import { metadataSocket } from '../../../../runtime/base/paths.ts';
import { connectMetadataService, type Registration, register } from '../../../../runtime/pod/registration.ts';

const registration = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as Registration;
mkdirSync(registration.dir, { recursive: true });
const lock = openSync(registration.dir, 'r');
native.flock(lock, 'exclusive', false);
const lease = connectMetadataService(metadataSocket);
try {
  register(lease, registration)();
} catch (error) {
  writeSync(1, `${messageOf(error)}\n`);
  process.exit(1);
}
for (const fd of [lock, lease]) native.setCloexec(fd, false);
writeSync(1, 'registered\n');
process.execve?.('/bin/sleep', ['sleep', 'infinity'], {});
