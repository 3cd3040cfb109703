/** What a killed service leaves is removed, and nothing else. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { removeDeadService, setupPodNetwork, startNetns, teardownPodNetwork } from '../../../../netns/index.ts';
import { leaseDir, metadataAddressNote, metadataSocket, netnsDir } from '../../../../runtime/base/paths.ts';
import { report, startActivated, startService, uuidOf } from './world.ts';

const state = () => ({
  address: execFileSync('ip', ['-o', 'address', 'show', 'dev', 'lo']).toString().includes('169.254.169.255/32'),
  note: existsSync(metadataAddressNote()),
  socket: existsSync(metadataSocket),
  tables: execFileSync('nft', ['list', 'tables']).toString().trim(),
});

const never = await removeDeadService();
const first = await startService();
const living = { removed: await removeDeadService(), state: state() };
await first.end('SIGKILL');
const left = state();
const collected = { removed: [await removeDeadService(), await removeDeadService()], state: state() };

// With a living pod the static table stays.
const uuid = uuidOf(1);
const netns = await startNetns(uuid, netnsDir);
const leases = leaseDir('default');
const pod = { uuid, netns, leaseDir: leases };
const network = setupPodNetwork({ ...pod, kind: 'default', dir: `/nowhere/${uuid}` });
await (await startService()).end('SIGKILL');
const withPod = { removed: await removeDeadService(), state: state() };
teardownPodNetwork({ ...pod, network });
const withoutPod = state();

// The administrator's address, which outlives two services that are killed.
execFileSync('ip', ['address', 'add', '169.254.169.255/32', 'dev', 'lo']);
await (await startService()).end('SIGKILL');
await (await startService()).end('SIGKILL');
const theirs = { removed: await removeDeadService(), state: state() };

// A socket that systemd holds.
mkdirSync('/run/rkt', { recursive: true });
const listener = createServer();
await new Promise<void>((resolve) => listener.listen(metadataSocket, resolve));
await (await startActivated((listener as unknown as { _handle: { fd: number } })._handle.fd)).end('SIGKILL');
const activated = { removed: await removeDeadService(), state: state() };
report({ never, living, left, collected, withPod, withoutPod, theirs, activated });
process.exit(0);
