/** Other programs on the ports of the service, while it lives and after it was killed. */

import { execFile, execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:net';
import { setupPodNetwork, startNetns } from '../../../../netns/index.ts';
import {
  leaseDir,
  metadataAddress,
  metadataListenPort,
  metadataPort,
  netnsDir,
} from '../../../../runtime/base/paths.ts';
import { addAddress, report, startPod, startService, tokenOf, uuidOf, v1 } from './world.ts';

const seen: string[] = [];

/** A program that answers every question itself, and remembers it. */
async function listen(host: string, port: number): Promise<Server | string> {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (data) => {
      seen.push(`${host}:${port} ${data.toString('latin1').split(' ', 2)[1]}`);
      socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 8\r\n\r\nimpostor');
    });
  });
  return new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    server.listen(port, host, () => resolve(server));
  });
}

/** What curl gets, or "curl" and its exit code: 7 refused, 28 timed out. */
function curl(
  path: string,
  options: { prefix?: string[]; from?: string; host?: string; port?: number; seconds?: number } = {},
) {
  const { prefix = [], from, host = metadataAddress, port = metadataPort, seconds = 1.5 } = options;
  const url = `http://${host}:${port}/${path}`;
  const source = from === undefined ? [] : ['--interface', from];
  const command = [...prefix, 'curl', '--silent', '--noproxy', '*', '--max-time', String(seconds), ...source, url];
  return new Promise<string>((resolve) => {
    execFile(command[0] as string, command.slice(1), (error, stdout) => resolve(error ? `curl ${error.code}` : stdout));
  });
}

const uuid = uuidOf(1);
const netns = await startNetns(uuid, netnsDir);
const network = setupPodNetwork({
  uuid,
  kind: 'default',
  netns,
  leaseDir: leaseDir('default'),
  dir: `/nowhere/${uuid}`,
});
const fromPod = (path = `${tokenOf(1)}${v1}/pod/uuid`) => curl(path, { prefix: ['nsenter', `--net=${netns}`] });
const fromHost = () => curl(`${tokenOf(2)}${v1}/pod/uuid`);
const both = async () => [await fromPod(), await fromHost()];
const tables = () => execFileSync('nft', ['list', 'tables']).toString().trim().split('\n').sort();

// While it lives, beside a web server of the host.
const web = (await listen('0.0.0.0', metadataPort)) as Server;
let service = await startService();
await startPod(1, { ip: network.ip, hostInterface: network.hostInterface });
await startPod(2, { ip: undefined });
const living = {
  said: service.said,
  answers: await both(),
  tables: tables(),
  port: await listen(metadataAddress, metadataListenPort),
  wildcard: await listen('0.0.0.0', metadataListenPort),
  // What nothing leads to the service by does not reach it.
  pastRedirection: await curl('x', { port: metadataListenPort }),
};
addAddress('172.16.28.77');
const spoofed = await curl(`${v1.slice(1)}/pod/uuid`, { from: '172.16.28.77' });

// A pod whose first packet was redirected but never answered sends it again, when somebody else has the port.
const nft = (...args: string[]) => execFileSync('nft', args).toString();
nft('add table ip silence; add chain ip silence output { type filter hook output priority -300; }');
nft(`add rule ip silence output ip saddr ${metadataAddress} counter drop`);
const late = curl('late', { prefix: ['nsenter', `--net=${netns}`], seconds: 5 });
while (!/counter packets [1-9]/.test(nft('list', 'table', 'ip', 'silence')));
await service.end('SIGKILL');
const successor = (await listen('0.0.0.0', metadataListenPort)) as Server;
nft('delete table ip silence');
const sentAgain = await late;
await new Promise((resolve) => successor.close(resolve));
const killed = { tables: tables(), answers: await both() };

// Impostors, one after another. That each of them answers is seen by a question to 127.0.0.1 or by the web server's own port.
const impostors: Record<string, string[]> = {};
for (const [host, port] of [
  ['0.0.0.0', metadataListenPort],
  [metadataAddress, metadataListenPort],
  [metadataAddress, metadataPort],
] as const) {
  if (port === metadataPort) await new Promise((resolve) => web.close(resolve));
  const server = (await listen(host, port)) as Server;
  impostors[`${host}:${port}`] = await both();
  if (host === '0.0.0.0') await curl('control', { host: '127.0.0.1', port });
  await new Promise((resolve) => server.close(resolve));
}

// A service that starts again finds the port taken, takes another, or its own.
const again = (await listen('0.0.0.0', metadataPort)) as Server;
await curl('control', { host: '127.0.0.1' });
const blocker = (await listen('0.0.0.0', metadataListenPort)) as Server;
const refused = (await startService()).said;
const tablesAfterRefusal = tables();
service = await startService({ listenPort: 18113 });
const elsewhere = { said: service.said, answers: await both() };
await service.end('SIGTERM');
blocker.close();
service = await startService();
const restarted = { said: service.said, answers: await both() };
await service.end('SIGTERM');
again.close();
report({
  living,
  spoofed,
  sentAgain,
  killed,
  impostors,
  refused,
  tablesAfterRefusal,
  elsewhere,
  restarted,
  stopped: tables(),
  seen,
});
process.exit(0);
