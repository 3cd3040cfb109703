/**
 * Pods end as their monitors end them: the pin and the lease go, nothing else of rkt runs. Then their addresses are given again: while
 * the kernel is still at work, and while somebody keeps a socket of the namespace that is to end.
 */

import { closeSync, existsSync, readdirSync, unlinkSync } from 'node:fs';
import { native } from '../../../../native/index.ts';
import { checkPodNetwork, removeTable, teardownPodNetwork, teardownSteps } from '../../../../netns/index.ts';
import { fileLeases } from '../../../../netns/lease-files.ts';
import { hostState, leaseDir, type Pod, report, run, setLoopbackUp, startPod } from './world.ts';

/** What a monitor does; returns how long it took, in milliseconds. */
function end({ network }: Pod): number {
  const begin = performance.now();
  const steps = teardownSteps(network, leaseDir);
  for (const path of steps.unmount) native.removeNetns(path);
  for (const path of steps.unlink) unlinkSync(path);
  return performance.now() - begin;
}

/** The next address given is the pool's first. */
const startOver = (): void => fileLeases(leaseDir).locked((leases) => leases.setLast('172.16.28.253'));

const routesTo = (network: string): string[] => run('ip', ['-4', 'route', 'show', network]).trim().split(/ *\n/);

setLoopbackUp();
const before = hostState();

const first = await startPod(1);
const took = [end(first)];
const ended = { pin: existsSync(first.netns), leases: readdirSync(leaseDir) };
// Nobody waits for the link: it goes by itself. The scenario's time limit is the deadline.
while (hostState().links.length > 0);

// One pod after another at the same address, each set up as soon as the one before has ended.
const chain: { ip: string; problems: string[]; links: string[] }[] = [];
for (let n = 2; n < 12; n++) {
  startOver();
  const pod = await startPod(n);
  chain.push({ ip: pod.network.ip, problems: await checkPodNetwork(pod.network), links: hostState().links });
  took.push(end(pod));
}

// A socket that outlives its pod keeps the namespace, the link and what it is allowed to.
startOver();
const old = await startPod(20);
const kept = native.netlinkOpen({ protocol: 0, netns: old.netns });
end(old);
const held = hostState().links;
startOver();
const heir = await startPod(21, 'default-restricted');
const inherited = {
  ips: [old.network.ip, heir.network.ip],
  links: hostState().links,
  routes: routesTo('172.16.28.2/31'),
  problems: await checkPodNetwork(heir.network),
  admitted: run('nft', ['list', 'set', 'ip', 'rkt', 'pods']).includes(heir.network.ip),
};
closeSync(kept);

// Garbage collection of the one that is gone does not touch the one that has its address.
const numbers = [1, ...Array.from({ length: 10 }, (_, index) => index + 2)];
teardownPodNetwork({ ...old, leaseDir });
const elements = run('nft', ['list', 'set', 'ip', 'rkt', 'links']);
const collected = {
  problems: await checkPodNetwork(heir.network),
  old: elements.includes(old.network.hostInterface),
  stale: numbers.filter((n) => elements.includes(`rkt${n.toString(16).padStart(8, '0')}abcd`)).length,
};
// The same for a pod of the default kind, which needs the element of its address itself.
end(heir);
startOver();
const last = await startPod(22);
teardownPodNetwork({ ...first, leaseDir });
const shared = await checkPodNetwork(last.network);
teardownPodNetwork({ ...last, leaseDir });
report({
  before,
  took,
  ended,
  chain,
  held,
  inherited,
  collected,
  shared,
  gone: removeTable(leaseDir),
  after: hostState(),
});
