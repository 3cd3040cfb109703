/** Forwarded ports: who reaches them and as whom, who does not, and whose they are. */

import { mkdirSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { native } from '../../../../native/index.ts';
import { forwardPorts, type PortForward, teardownPodNetwork } from '../../../../netns/index.ts';
import { fileLeases, leaseFile } from '../../../../netns/lease-files.ts';
import { podFiles } from '../../../../runtime/base/paths.ts';
import {
  addRoute,
  connectFrom,
  hostState,
  lan,
  leaseDir,
  makeLan,
  type Pod,
  podDirOf,
  report,
  run,
  serve,
  setLoopbackUp,
  startPod,
} from './world.ts';

const here = '/proc/self/ns/net';
const blocked = { timeoutMs: 1200 };

setLoopbackUp();
const neighbour = await makeLan();
const [web, private_, client] = [await startPod(1), await startPod(2), await startPod(3)];
const restricted = await startPod(4, 'default-restricted');

const forward = (pod: Pod, ...forwards: PortForward[]): string => {
  try {
    forwardPorts({ uuid: pod.uuid, network: pod.network, forwards, leaseDir });
    return 'forwarded';
  } catch (error) {
    return (error as Error).message;
  }
};
const tcp = (hostPort: number, hostIp?: string): PortForward => ({
  protocol: 'tcp',
  hostPort,
  podPort: 80,
  ...(hostIp === undefined ? {} : { hostIp }),
});

forward(web, tcp(8080), { protocol: 'udp', hostPort: 5353, podPort: 53 });
forward(private_, tcp(9090, '127.0.0.1'));
const listing = run('nft', ['list', 'table', 'ip', 'rkt-ports']);
const servers = await Promise.all([
  serve(web.netns, web.network.ip, 80),
  serve(web.netns, web.network.ip, 53, 'answer'),
  serve(private_.netns, private_.network.ip, 80),
  serve(client.netns, client.network.ip, 80),
  serve(here, '127.0.0.1', 7070),
  serve(neighbour, lan.neighbour, 8080),
]);

const datagram = { mode: 'ask' } as const;
const reached = {
  byNeighbour: await connectFrom(neighbour, lan.host, 8080),
  byHost: await connectFrom(here, lan.host, 8080),
  byLoopback: await connectFrom(here, '127.0.0.1', 8080),
  byLoopbackOnly: await connectFrom(here, '127.0.0.1', 9090),
  byPod: await connectFrom(client.netns, client.network.hostIp, 8080),
  datagramByNeighbour: await connectFrom(neighbour, lan.host, 5353, datagram),
  datagramByLoopback: await connectFrom(here, '127.0.0.1', 5353, datagram),
  // The same port elsewhere is not led astray.
  neighboursOwn: await connectFrom(client.netns, lan.neighbour, 8080),
};

/** Whoever is at the other end of a link may make packets to 127.0.0.1 and send them out by it. */
const sendLoopbackBy = (netns: string, gateway: string): void => {
  const script = `ip address delete 127.0.0.1/8 dev lo; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
    echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter
    ip route add 127.0.0.1/32 via ${gateway} dev eth0`;
  run('nsenter', [`--net=${netns}`, 'sh', '-c', script]);
};
sendLoopbackBy(neighbour, lan.host);
sendLoopbackBy(web.netns, web.network.hostIp);
addRoute(neighbour, web.network.ip, 32, lan.host);
addRoute(restricted.netns, lan.host, 32, restricted.network.hostIp);
const [neighbourToLoopback, neighbourToLoopbackOnly, podToLoopback, restrictedToPort] = await Promise.all([
  connectFrom(neighbour, '127.0.0.1', 8080, blocked),
  connectFrom(neighbour, '127.0.0.1', 9090, blocked),
  connectFrom(web.netns, '127.0.0.1', 7070, blocked),
  connectFrom(restricted.netns, lan.host, 8080, blocked),
]);
const refused = {
  neighbourToLoopback,
  neighbourToLoopbackOnly,
  podToLoopback,
  restrictedToPort,
  neighbourToBound: await connectFrom(neighbour, lan.host, 9090),
  neighbourToPod: await connectFrom(neighbour, web.network.ip, 80, blocked),
};
// That these are refused by the guards and not by a mistake of this test.
run('nft', ['flush', 'chain', 'ip', 'rkt-ports', 'guard']);
run('tc', ['qdisc', 'delete', 'dev', web.network.hostInterface, 'clsact']);
const unguarded = {
  neighbourToLoopbackOnly: await connectFrom(neighbour, '127.0.0.1', 9090, blocked),
  podToLoopback: await connectFrom(web.netns, '127.0.0.1', 7070, blocked),
};

const conflicts = {
  taken: forward(client, tcp(8080)),
  takenAtOneAddress: forward(client, tcp(8080, lan.host)),
  takenAtAnother: forward(client, tcp(9090, lan.host)),
  otherProtocol: forward(client, { protocol: 'udp', hostPort: 8080, podPort: 80 }),
  listener: forward(client, tcp(7070)),
  listenerElsewhere: forward(client, tcp(7070, lan.host)),
  own: forward(web, tcp(8080)),
};

// The pod of the port has ended as its monitor ends it: its lease is gone, its element is not.
unlinkSync(leaseFile(leaseDir, web.network.ip));
const takenOver = forward(client, tcp(8080));
const answeredBy = await connectFrom(neighbour, lan.host, 8080);

// A client that goes on from the same port: the kernel still remembers where its datagrams went.
const oldDatagrams = async (): Promise<string> =>
  connectFrom(neighbour, lan.host, 6000, { mode: 'ask', from: '40000', timeoutMs: 1200 });
forward(private_, { protocol: 'udp', hostPort: 6000, podPort: 53 });
servers.push(await serve(private_.netns, private_.network.ip, 53, 'answer'));
const remembered = { before: await oldDatagrams(), byMemory: '', after: '' };
const live =
  run('nft', ['list', 'set', 'ip', 'rkt-ports', 'live'])
    .match(/udp \. 6000[^,}]*/)?.[0]
    ?.trim() ?? '';
run('nft', ['delete', 'element', 'ip', 'rkt-ports', 'any', '{ udp . 6000 }']);
remembered.byMemory = await oldDatagrams();
run('nft', ['delete', 'element', 'ip', 'rkt-ports', 'live', `{ ${live} }`]);
remembered.after = await oldDatagrams();

// The address of another pod is given again; what led there must lead nowhere.
unlinkSync(leaseFile(leaseDir, private_.network.ip));
const before = hostState().elements.includes(`: ${private_.network.ip} . 80`);
fileLeases(leaseDir).locked((leases) => leases.setLast(web.network.ip));
const next = await startPod(5);
const reused = {
  same: next.network.ip === private_.network.ip,
  before,
  after: hostState().elements.includes(`: ${private_.network.ip} . 80`),
};

// Somebody flushes the ruleset; the next pod with a port restores those of living pods, by their records.
mkdirSync(podDirOf(3));
native.flock(openSync(podDirOf(3), 'r'), 'exclusive', true);
writeFileSync(podFiles.netInfo(podDirOf(3)), JSON.stringify([{ ...client.network, forwards: [tcp(8080)] }]));
run('nft', ['flush', 'ruleset']);
forward(next, tcp(8081));
const restored = (hostState().elements.match(/tcp \. 808\d comment \S+ : \S+/g) ?? []).map((text) =>
  text.replace(/ comment \S+/, ''),
);

for (const server of servers) server.kill();
for (const pod of [web, private_, client, restricted, next]) teardownPodNetwork({ ...pod, leaseDir });
for (const pod of [web, client]) teardownPodNetwork({ ...pod, leaseDir });
report({
  listing,
  reached,
  refused,
  unguarded,
  conflicts,
  takenOver,
  answeredBy,
  remembered,
  restored: restored.sort(),
  reused,
  uuids: { web: web.uuid },
  hostIps: { web: web.network.hostIp, private: private_.network.hostIp },
  ips: { client: client.network.ip, next: next.network.ip, web: web.network.ip },
  left: hostState(),
});
