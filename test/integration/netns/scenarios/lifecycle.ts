/** One pod's network from nothing to nothing, with every step repeated. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import {
  checkPodNetwork,
  leadToService,
  listPodLinks,
  setupPodNetwork,
  teardownPodNetwork,
} from '../../../../netns/index.ts';
import { metadataListenPort } from '../../../../runtime/base/paths.ts';
import { hostState, leaseDir, podDirOf, report, run, setLoopbackUp, startPod } from './world.ts';

setLoopbackUp();
function listServiceTable(): string {
  using _lead = leadToService(metadataListenPort);
  return run('nft', ['list', 'table', 'ip', 'rkt-metadata']);
}
const serviceTable = listServiceTable();
const before = hostState();
const pod = await startPod(1);
const restricted = await startPod(2, 'default-restricted');
const inside = (args: string[]): string => run('nsenter', [`--net=${pod.netns}`, 'ip', ...args]);
const sysctl = (key: string): string => readFileSync(`/proc/sys/net/${key}`, 'latin1').trim();
const link = pod.network.hostInterface;

const up = hostState();
const made = {
  network: pod.network,
  state: up,
  problems: [...(await checkPodNetwork(pod.network)), ...(await checkPodNetwork(restricted.network))],
  podLinks: (await listPodLinks()).sort(),
  hostAddress: run('ip', ['-br', '-4', 'address', 'show', link]).trim().split(/\s+/).slice(1),
  podAddress: inside(['-br', '-4', 'address', 'show', 'eth0']).trim().split(/\s+/).slice(1),
  routes: inside(['-4', 'route']).trim().split(/ *\n/).sort(),
  restrictedRoutes: run('nsenter', [`--net=${restricted.netns}`, 'ip', '-4', 'route'])
    .trim()
    .split(/ *\n/)
    .sort(),
  loopback: inside(['-br', 'address', 'show', 'lo']).trim().split(/\s+/).slice(1),
  hostIpv6: run('ip', ['-6', 'address', 'show', link]).trim(),
  sysctls: {
    forward: sysctl('ipv4/ip_forward'),
    reversePath: sysctl(`ipv4/conf/${link}/rp_filter`),
    arpIgnore: sysctl(`ipv4/conf/${link}/arp_ignore`),
    routeLocalnet: sysctl(`ipv4/conf/${link}/route_localnet`),
    ipv6Off: sysctl(`ipv6/conf/${link}/disable_ipv6`),
  },
  lease: readFileSync(`${leaseDir}/${pod.network.ip}`, 'latin1'),
};

const index = (): number =>
  (JSON.parse(run('ip', ['-j', 'link', 'show', link])) as { ifindex: number }[])[0]?.ifindex ?? -1;
const indexBefore = index();
const again = setupPodNetwork({ ...pod, kind: 'default', leaseDir, dir: podDirOf(1) });
const repeated = {
  network: again,
  sameLink: indexBefore > 0 && indexBefore === index(),
  state: hostState(),
};

// A pod changes its end, somebody else the host's end.
run('nsenter', [`--net=${pod.netns}`, 'ip', 'route', 'del', 'default']);
run('nsenter', [`--net=${pod.netns}`, 'ip', 'address', 'del', `${pod.network.ip}/31`, 'dev', 'eth0']);
run('nft', ['flush', 'set', 'ip', 'rkt', 'links']);
run('ip', ['link', 'set', link, 'down']);
const damaged = await checkPodNetwork(pod.network);

// A pod that is set up again after something removed the table brings everybody's elements back.
run('nft', ['flush', 'ruleset']);
setupPodNetwork({ ...pod, kind: 'default', leaseDir, dir: podDirOf(1) });
const restored = await checkPodNetwork(restricted.network);

teardownPodNetwork({ ...pod, leaseDir });
const one = hostState();
teardownPodNetwork({ uuid: restricted.uuid, network: undefined, netns: restricted.netns, leaseDir });
teardownPodNetwork({ ...pod, leaseDir });
teardownPodNetwork({ uuid: restricted.uuid, network: undefined, netns: restricted.netns, leaseDir });
const gone = await checkPodNetwork(pod.network);
report({
  serviceTable,
  before,
  made,
  repeated,
  damaged,
  restored,
  one,
  after: { state: hostState(), pins: existsSync(pod.netns), leases: readdirSync(leaseDir) },
  gone,
});
