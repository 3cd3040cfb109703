/** The ways in which a service starts, and in which it must not. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { metadataSocket } from '../../../../runtime/base/paths.ts';
import { dir, report, startActivated, startPod, startService, whoIs } from './world.ts';

const first = await startService();
const second = await startService({}, join(dir, 'other'));
const sameData = await startService({ socketPath: join(dir, 'other.sock') });
await first.end('SIGKILL');
const leftBehind = existsSync(metadataSocket);
const third = await startService();
const owner = await whoIs('169.254.169.255');
await third.end('SIGTERM');
const address = () => execFileSync('ip', ['-o', 'address']).toString().includes('169.254.169.255/32');
const afterThird = { address: address(), socket: existsSync(metadataSocket) };

const idle = await startService({ untilIdle: true });
const idleEnded = new Promise((resolve) => idle.child.once('exit', resolve));
const pods = [await startPod(1), await startPod(2)];
for (const pod of pods) await pod.end('SIGKILL');
const idleStatus = await idleEnded;

mkdirSync('/run/rkt', { recursive: true });
const listener = createServer();
await new Promise<void>((resolve) => listener.listen(metadataSocket, resolve));
const fd = (listener as unknown as { _handle: { fd: number } })._handle.fd;
const activated = await startActivated(fd);
// Only the service may take connections from here on; closing would remove the socket file, which systemd does not do either.
(listener as unknown as { _handle: { unref(): void } })._handle.unref();
const viaSystemd = { said: activated.said, address: address() };
await activated.end('SIGTERM');
report({
  said: [first.said, second.said, sameData.said, third.said, idle.said],
  leftBehind,
  owner,
  afterThird,
  idleStatus,
  viaSystemd,
  socketStays: existsSync(metadataSocket),
});
process.exit(0);
