/** The service is killed, stopped and started again under living pods. */

import {
  addressOf,
  admin,
  getFrom,
  postFrom,
  report,
  startPod,
  startService,
  untilIs,
  uuidOf,
  v1,
  whoIs,
} from './world.ts';

let service = await startService();
const one = await startPod(1);
const two = await startPod(2);
await startPod(3, { ip: undefined });
const signature = (await postFrom(1, 'sign', { content: 'hello' })).text;

const killed = await service.end('SIGKILL');
await two.end('SIGKILL');
service = await startService();
const afterKill = {
  said: service.said,
  one: await whoIs(addressOf(1)),
  two: await whoIs(addressOf(2)),
  annotations: (await getFrom(addressOf(1), `${v1}/apps/worker/annotations`)).status,
  verified: (await postFrom(1, 'verify', { content: 'hello', uuid: uuidOf(1), signature })).status,
};

const rotated = JSON.parse((await admin('POST', '/v1/keys/rotate')).text);
const newSignature = (await postFrom(1, 'sign', { content: 'hello' })).text;
const stopped = await service.end('SIGTERM');
service = await startService();
const afterStop = {
  said: service.said,
  one: await whoIs(addressOf(1)),
  keyChanged: newSignature !== signature,
  signsWithNewKey: (await postFrom(1, 'sign', { content: 'hello' })).text === newSignature,
  verifiesOld: (await postFrom(1, 'verify', { content: 'hello', uuid: uuidOf(1), signature })).status,
};

// The connection of the registration was lost with the first service: now the process itself is watched.
await one.end('SIGKILL');
const afterEnd = await untilIs(addressOf(1), 'unknown_caller');
const conflict = await startPod(1);
report({ killed, afterKill, rotated, stopped, afterStop, afterEnd, again: conflict.said });
process.exit(0);
