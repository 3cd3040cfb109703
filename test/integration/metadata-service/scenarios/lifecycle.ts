/** Pods come, ask, sign for each other, and go. */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { metadataSocket } from '../../../../runtime/base/paths.ts';
import {
  addressOf,
  admin,
  getFrom,
  postFrom,
  report,
  startPod,
  startService,
  tokenOf,
  uuidOf,
  v1,
  whoIs,
} from './world.ts';

const addresses = () =>
  execFileSync('ip', ['-o', '-4', 'address', 'show', 'dev', 'lo']).toString().includes('169.254.169.255/32');
const table = () => execFileSync('nft', ['list', 'tables']).toString().includes('table ip rkt');

const service = await startService();
const before = { address: addresses(), table: table() };
const one = await startPod(1);
const two = await startPod(2);
const three = await startPod(3, { ip: undefined });

const paths = [
  'pod/uuid',
  'pod/manifest',
  'pod/annotations',
  'apps/worker/annotations',
  'apps/worker/image/manifest',
  'apps/worker/image/id',
];
const documents = [];
for (const path of paths) {
  const { status, headers, text } = await getFrom(addressOf(1), `/${tokenOf(1)}${v1}/${path}`);
  documents.push([path, status, headers['content-type'], text]);
}
const signature = (await postFrom(1, 'sign', { content: 'hello' })).text;
const verify = async (content: string) => (await postFrom(2, 'verify', { content, uuid: uuidOf(1), signature })).status;
const verified = { same: await verify('hello'), altered: await verify('hell0') };

const identities = {
  one: await whoIs(addressOf(1)),
  two: await whoIs(addressOf(2)),
  hostNetwork: await whoIs('169.254.169.255', `/${tokenOf(3)}${v1}/pod/uuid`),
};
const listed = JSON.parse((await admin('GET', '/v1/pods')).text).pods.map((pod: { uuid: string; pid: number }) => [
  pod.uuid,
  pod.pid,
]);

await one.end('SIGKILL');
const afterKill = await whoIs(addressOf(1));
const deleted = (await admin('DELETE', `/v1/pods/${uuidOf(2)}`)).status;
const afterDelete = await whoIs(addressOf(2));
const again = await startPod(1);
const afterReturn = await whoIs(addressOf(1));
const reads = await Promise.all(
  Array.from({ length: 20 }, (_, i) => startPod(10 + i).then(() => whoIs(addressOf(10 + i)))),
);

const stopped = await service.end('SIGTERM');
report({
  said: [service.said, one.said, two.said, three.said, again.said],
  before,
  documents,
  verified,
  identities,
  listed,
  pids: [one, two, three].map(({ child }) => child.pid),
  afterKill,
  deleted,
  afterDelete,
  afterReturn,
  crowd: reads,
  stopped,
  after: { address: addresses(), table: table(), socket: existsSync(metadataSocket), run: readdirSync('/run/rkt') },
});
process.exit(0);
