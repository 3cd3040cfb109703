/** A pod with a forwarded port, on a host whose ruleset somebody flushes: what it reaches of 127.0.0.1 then. */

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { forwardPorts, teardownPodNetwork } from '../../../../netns/index.ts';
import { connectFrom, dir, hostState, leaseDir, report, run, serve, setLoopbackUp, startPod } from './world.ts';

const here = '/proc/self/ns/net';
const blocked = { timeoutMs: 1200 };
const tool = join(dir, 'raw-frame');
const source = join(import.meta.dirname, '..', '..', '..', 'support', 'raw-frame.c');
execFileSync('gcc', ['-static', '-O1', '-o', tool, source]);

setLoopbackUp();
const pod = await startPod(1);
const { network, netns } = pod;
const forward = { protocol: 'tcp', hostPort: 8080, podPort: 80 } as const;
const open = forwardPorts({ uuid: pod.uuid, network, forwards: [forward], leaseDir });
// The same again, as after a start that was interrupted.
const again = forwardPorts({ uuid: pod.uuid, network, forwards: [forward], leaseDir });

/** What has come to a server of datagrams. */
async function noting(address: string, port: number): Promise<{ texts: string[]; kill: () => void }> {
  const child = await serve(here, address, port, 'note');
  const texts: string[] = [];
  child.stdout?.setEncoding('utf8').on('data', (text: string) => void texts.push(...text.trim().split('\n')));
  return { texts, kill: () => void child.kill() };
}

const servers = [await serve(netns, network.ip, 80), await serve(here, '127.0.0.1', 7070)];
const secret = await noting('127.0.0.1', 7071);
const known = await noting(network.hostIp, 7072);
const mac = (JSON.parse(run('ip', ['-j', 'link', 'show', network.hostInterface])) as { address: string }[])[0]?.address;

const send = (destination: string, port: number, tags: number | 'ring', text: string): string =>
  run('nsenter', [
    `--net=${netns}`,
    ...[tool, 'eth0', mac ?? '', network.ip, destination, String(port), String(tags), text],
  ]);

/** Which frames to 127.0.0.1 arrive, by their tags. They have, or never will, once one that was sent after them has. */
async function frames(round: string): Promise<string[]> {
  const before = secret.texts.length;
  for (const tags of [0, 1, 2, 3, 'ring'] as const) send('127.0.0.1', 7071, tags, `${tags}`);
  send(network.hostIp, 7072, 0, round);
  while (!known.texts.includes(round)) await new Promise((resolve) => setImmediate(resolve));
  // And once the server of the others, which is another process, had its turn.
  await connectFrom(here, '127.0.0.1', 7071, { mode: 'ask', ...blocked });
  return secret.texts.slice(before).filter((text) => text !== '?');
}

const script = `ip address delete 127.0.0.1/8 dev lo; echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet
  echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter; echo 0 > /proc/sys/net/ipv4/conf/eth0/rp_filter
  ip route add 127.0.0.1/32 via ${network.hostIp} dev eth0`;
const byLoopback = await connectFrom(here, '127.0.0.1', 8080);
run('nsenter', [`--net=${netns}`, 'sh', '-c', script]);

run('nft', ['flush', 'ruleset']);
const flushed = { connected: await connectFrom(netns, '127.0.0.1', 7070, blocked), frames: await frames('flushed') };

// That it is the guard which refuses them, and not a mistake of this test.
run('tc', ['qdisc', 'delete', 'dev', network.hostInterface, 'clsact']);
const unguarded = {
  connected: await connectFrom(netns, '127.0.0.1', 7070, blocked),
  frames: await frames('unguarded'),
};

for (const server of [...servers, secret, known]) server.kill();
teardownPodNetwork({ ...pod, leaseDir });
report({
  open,
  again,
  byLoopback,
  hostIp: network.hostIp,
  ip: network.ip,
  flushed,
  unguarded,
  left: hostState().links,
});
