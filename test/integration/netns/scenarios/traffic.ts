/** Who reaches whom, and as whom. */

import { createSocket } from 'node:dgram';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { ensureMetadataAddress, ensureTable, leadToService, removeMetadataAddress } from '../../../../netns/index.ts';
import { metadataAddress, metadataPort } from '../../../../runtime/base/paths.ts';
import {
  addAddress,
  addRoute,
  connectFrom,
  countQuestions,
  lan,
  leaseDir,
  makeLan,
  questionsOf,
  repeatedSegmentsOf,
  report,
  run,
  sendFrom,
  serve,
  setLoopbackUp,
  startPod,
} from './world.ts';

const port = 8080;
const blocked = { timeoutMs: 1200 };

setLoopbackUp();
// The weakest setting that distributions ship: then the reverse-path filter alone does not stop forged addresses.
writeFileSync('/proc/sys/net/ipv4/conf/all/rp_filter', '2');
await ensureMetadataAddress(metadataAddress);
const server = createServer((socket) => {
  socket.on('error', () => {});
  socket.end(socket.remoteAddress ?? '');
});
server.listen(port, '0.0.0.0');
// What the metadata service does when it has started.
ensureTable(leaseDir);
const lead = leadToService(port);
const datagrams: string[] = [];
const udp = createSocket('udp4').bind(port, '0.0.0.0');
udp.on('message', (text, from) => datagrams.push(`${text} from ${from.address}`));

const neighbour = await makeLan();
addRoute(neighbour, metadataAddress, 32, lan.host);

const a = await startPod(1, 'default', countQuestions);
const firstAnswer = await connectFrom(a.netns, metadataAddress, metadataPort);
const sent = { questions: questionsOf(a.netns), repeatedSegments: repeatedSegmentsOf(a.netns) };
const b = await startPod(2);
const restricted = await startPod(3, 'default-restricted');

const servers = await Promise.all([
  serve(neighbour, lan.neighbour, port),
  serve(b.netns, b.network.ip, port),
  serve(restricted.netns, restricted.network.ip, port),
]);

const reached = {
  host: await connectFrom(a.netns, a.network.hostIp, port),
  lan: await connectFrom(a.netns, lan.neighbour, port),
  pod: await connectFrom(a.netns, b.network.ip, port),
  metadata: await connectFrom(a.netns, metadataAddress, metadataPort),
  restrictedToHost: await connectFrom(restricted.netns, restricted.network.hostIp, port),
  restrictedToMetadata: await connectFrom(restricted.netns, metadataAddress, metadataPort),
  restrictedToLan: await connectFrom(restricted.netns, lan.neighbour, port),
  neighbourToHost: await connectFrom(neighbour, lan.host, port),
};

// A hostile app with CAP_NET_ADMIN in its own namespace.
addRoute(restricted.netns, '0.0.0.0', 0, restricted.network.hostIp);
addAddress(b.netns, a.network.ip);
const [neighbourToMetadata, escapedToLan, podToRestricted, forgedConnection] = await Promise.all([
  connectFrom(neighbour, metadataAddress, metadataPort, blocked),
  connectFrom(restricted.netns, lan.neighbour, port, blocked),
  connectFrom(a.netns, restricted.network.ip, port, blocked),
  connectFrom(b.netns, metadataAddress, metadataPort, { ...blocked, from: a.network.ip }),
]);
await sendFrom(b.netns, a.network.ip, metadataAddress, port, 'forged');
await sendFrom(b.netns, a.network.ip, b.network.hostIp, port, 'forged');
await sendFrom(b.netns, b.network.ip, metadataAddress, port, 'past the redirection');
await sendFrom(b.netns, b.network.ip, b.network.hostIp, port, 'honest');

// A neighbour that has a route to the pods, and one of the pods past the redirection.
addRoute(neighbour, '172.16.28.0', 24, lan.host);
const [neighbourToPod, hostToPod, pastRedirection] = await Promise.all([
  connectFrom(neighbour, b.network.ip, port, blocked),
  connectFrom('/proc/self/ns/net', b.network.ip, port),
  connectFrom(a.netns, metadataAddress, port, blocked),
]);

// The service stops, and somebody else on the way out claims its address.
lead[Symbol.dispose]();
await removeMetadataAddress(metadataAddress);
addAddress(neighbour, metadataAddress);
run('ip', ['route', 'add', `${metadataAddress}/32`, 'via', lan.neighbour]);
servers.push(await serve(neighbour, metadataAddress, port + 1));
const impostorFromHost = await connectFrom('/proc/self/ns/net', metadataAddress, port + 1);
const impostorFromPod = await connectFrom(a.netns, metadataAddress, port + 1, blocked);

for (const child of servers) child.kill();
udp.close();
server.close();
report({
  addresses: { a: a.network.ip, b: b.network.ip, restricted: restricted.network.ip },
  firstAnswer,
  sent,
  reached,
  hostToPod,
  refused: { neighbourToPod, pastRedirection, neighbourToMetadata, escapedToLan, podToRestricted, forgedConnection },
  datagrams,
  impostor: { fromHost: impostorFromHost, fromPod: impostorFromPod },
});
