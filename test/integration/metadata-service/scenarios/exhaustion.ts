/** One pod does what it can to keep the service from answering another. */

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { metadataAddress } from '../../../../runtime/base/paths.ts';
import { imageId, imageManifest } from '../../../unit/metadata-service/fixtures.ts';
import { addressOf, admin, report, sendRaw, startPod, startService, tokenOf, uuidOf, v1, whoIs } from './world.ts';

const host = 'Host: 169.254.169.255';
const sign = [
  `POST /${tokenOf(1)}${v1}/pod/hmac/sign HTTP/1.1`,
  host,
  'Content-Type: application/x-www-form-urlencoded',
];
const uuidRequest = [`GET ${v1}/pod/uuid HTTP/1.1`, host, '', ''].join('\r\n');

const service = await startService({
  limits: { headersMs: 1_500, requestMs: 2_000, keepAliveMs: 1_000, stalledMs: 3_000 },
});
await startPod(1);
await startPod(2);

async function open(first: string): Promise<Socket> {
  const socket = connect({ host: metadataAddress, port: 80, localAddress: addressOf(1) });
  socket.on('error', () => {});
  await once(socket, 'connect');
  if (first !== '') socket.write(first);
  return socket;
}

/** What a connection receives until it is closed. */
async function drain(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (data) => {
    text += data;
  });
  if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

/** 16 answers of 900 KiB: more than the kernel keeps for a connection. */
const largeManifest = imageManifest.replace('"value": "image"', `"value": "${'x'.repeat(900 * 1024)}"`);
const requestsUnread = 200;

const statusOf = (answer: string) => Number(answer.slice(9, 12)) || answer;
const otherPod = async () => (await whoIs(addressOf(2))) === uuidOf(2);

/** As many connections as a pod may have, each in the middle of something: headers, a body, nothing at all, an answer. */
async function occupy(): Promise<{ statuses: unknown[]; refused: string; other: boolean }> {
  const beginnings = [
    `GET ${v1}/pod/uuid HTTP/1.1\r\nHost: 169`,
    [...sign, 'Content-Length: 1000', '', 'content='].join('\r\n'),
    '',
    uuidRequest,
  ];
  const sockets = await Promise.all(Array.from({ length: 64 }, (_, i) => open(beginnings[i % 4] as string)));
  const closed = sockets.map(drain);
  const oneMore = await open('');
  const refused = await drain(oneMore);
  const other = await otherPod();
  return { statuses: (await Promise.all(closed)).slice(0, 4).map(statusOf), refused, other };
}

/** More requests than the allowance, as fast as the connections of one pod can carry them. */
async function flood(): Promise<{ answered: number; limited: number; other: boolean }> {
  const batch = uuidRequest.repeat(15) + uuidRequest.replace(host, `${host}\r\nConnection: close`);
  const answers = Array.from({ length: 50 }, async () => {
    let text = '';
    for (let i = 0; i < 10; i += 1) text += await sendRaw(addressOf(1), batch).catch((error) => String(error));
    return text;
  });
  const other = await otherPod();
  const text = (await Promise.all(answers)).join('');
  const count = (status: number) => text.split(`HTTP/1.1 ${status} `).length - 1;
  return { answered: count(200), limited: count(429), other };
}

/** All requests at once, without waiting for an answer to the first. */
const pipeline = async () =>
  (await sendRaw(addressOf(2), uuidRequest.repeat(5_000)).catch(String)).split('HTTP/1.1 ').length - 1;

/** Asks for more than the kernel's buffers hold, and never reads it. Tells how much memory the service took meanwhile. */
async function neverRead(): Promise<{ lost: boolean; other: boolean; grownMiB: number }> {
  const before = residentMiB();
  const socket = connect({ host: metadataAddress, port: 80, localAddress: addressOf(3) });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.pause();
  socket.write([`GET ${v1}/apps/worker/image/manifest HTTP/1.1`, host, '', ''].join('\r\n').repeat(requestsUnread));
  const other = await otherPod();
  while (!/^rkt_metadata_connections 0$/m.test((await admin('GET', '/metrics')).text));
  const grownMiB = residentMiB() - before;
  const text = await drain(socket.resume());
  return { lost: text.length < requestsUnread * largeManifest.length, other, grownMiB };
}

function residentMiB(): number {
  const status = readFileSync(`/proc/${service.child.pid}/status`, 'utf8');
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) / 1024;
}

const occupied = await occupy();
const large = {
  announced: statusOf(
    await sendRaw(
      addressOf(2),
      [...sign, 'Content-Length: 10000000000', '', 'content='].join('\r\n').replace(tokenOf(1), tokenOf(2)),
    ),
  ),
  sent: statusOf(
    await sendRaw(
      addressOf(2),
      [...sign, 'Content-Length: 5000000', '', 'a'.repeat(5_000_000)].join('\r\n').replace(tokenOf(1), tokenOf(2)),
    ),
  ),
  chunked: statusOf(
    await sendRaw(
      addressOf(2),
      [...sign, 'Transfer-Encoding: chunked', '', `20000\r\n${'a'.repeat(0x20000)}\r\n`]
        .join('\r\n')
        .replace(tokenOf(1), tokenOf(2)),
    ),
  ),
  headers: statusOf(await sendRaw(addressOf(2), [`GET /${'a'.repeat(20_000)} HTTP/1.1`, host, '', ''].join('\r\n'))),
};
await startPod(3, { images: { worker: { id: imageId, manifest: largeManifest } } });
const unread = await neverRead();
const flooded = await flood();
const pipelined = await pipeline();
report({ occupied, large, unread, flooded, pipelined, after: await otherPod() });
process.exit(0);
