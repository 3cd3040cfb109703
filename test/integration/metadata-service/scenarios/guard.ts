/** The firewall table that guards the service's address, while pods come and go. */

import { execFileSync } from 'node:child_process';
import { setupPodNetwork, startNetns, teardownPodNetwork } from '../../../../netns/index.ts';
import { leaseDir, netnsDir } from '../../../../runtime/base/paths.ts';
import { report, startService, uuidOf } from './world.ts';

const leases = leaseDir('default');
const table = () => execFileSync('nft', ['list', 'tables']).toString().includes('table ip rkt');

async function startPod(n: number) {
  const uuid = uuidOf(n);
  const netns = await startNetns(uuid, netnsDir);
  const network = setupPodNetwork({ uuid, kind: 'default', netns, leaseDir: leases, dir: `/nowhere/${uuid}` });
  return { uuid, netns, network, leaseDir: leases };
}

const service = await startService();
const up = table();
teardownPodNetwork(await startPod(1));
const afterPod = table();
await service.end('SIGTERM');
const stopped = table();

const again = await startService();
const pod = await startPod(2);
await again.end('SIGTERM');
const stoppedWithPod = table();
teardownPodNetwork(pod);
const afterLast = table();

// A service that was killed has left its address, so the guard stays until the next one has stopped.
const killed = await startService();
await killed.end('SIGKILL');
teardownPodNetwork(await startPod(3));
const afterKill = table();
await (await startService()).end('SIGTERM');
report({ up, afterPod, stopped, stoppedWithPod, afterLast, afterKill, end: table() });
process.exit(0);
