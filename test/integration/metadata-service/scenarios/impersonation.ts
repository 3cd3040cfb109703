/** Pods, and others on the host, claim to be a pod that they are not. */

import { spawnSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { metadataSocket } from '../../../../runtime/base/paths.ts';
import {
  addAddress,
  addressOf,
  postFrom,
  report,
  startPod,
  startService,
  tokenOf,
  uuidOf,
  v1,
  whoIs,
} from './world.ts';

const byToken = (n: number) => `/${tokenOf(n)}${v1}/pod/uuid`;

await startService();
const one = await startPod(1);
await startPod(2);
await startPod(3, { ip: undefined });
await startPod(4, { requireToken: true });
addAddress(addressOf(99));

const refused = {
  strangerByAddress: await whoIs(addressOf(99)),
  strangerByStolenToken: await whoIs(addressOf(99), byToken(1)),
  hostByStolenToken: await whoIs('169.254.169.255', byToken(1)),
  podByStolenToken: await whoIs(addressOf(2), byToken(1)),
  podByTokenOfHostPod: await whoIs(addressOf(2), byToken(3)),
  podByGuess: await whoIs(addressOf(2), byToken(77)),
  uuidAsToken: await whoIs('169.254.169.255', `/${uuidOf(3)}${v1}/pod/uuid`),
  withoutNeededToken: await whoIs(addressOf(4)),
};
const forged = (await postFrom(2, 'sign', { content: 'x', uuid: uuidOf(1) })).text;
const forgery = (await postFrom(1, 'verify', { content: 'x', uuid: uuidOf(1), signature: forged })).status;

// As if somebody had mounted the socket into a pod, and made it open to all: the kernel still tells who it is.
chmodSync(metadataSocket, 0o666);
const curl = ['curl', '--silent', '--unix-socket', metadataSocket, 'http://rkt/v1/pods'];
const code = (command: string[], uid?: number) => {
  const options = { encoding: 'utf8', ...(uid === undefined ? {} : { uid }) } as const;
  const { stdout } = spawnSync(command[0] as string, command.slice(1), options);
  return /"code":"(\w+)"/.exec(stdout)?.[1] ?? stdout;
};
const registration = {
  root: code(curl).startsWith('{"pods":'),
  nobody: code(curl, 65534),
  rootInPod: code(['unshare', '--fork', '--pid', ...curl]),
};

const taken = await startPod(5, { ip: addressOf(1) });
const stillFirst = await whoIs(addressOf(1));
await one.end('SIGKILL');
const gone = await whoIs(addressOf(1));
const second = await startPod(6, { ip: addressOf(1) });
const reused = {
  taken: taken.said,
  stillFirst,
  gone,
  second: second.said,
  now: await whoIs(addressOf(1)),
  oldToken: await whoIs(addressOf(1), byToken(1)),
  newToken: await whoIs(addressOf(1), byToken(6)),
};
report({ refused, forgery, registration, reused });
process.exit(0);
