/** All addresses are taken: first by living pods, then by dead ones that left a link behind. */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setupPodNetwork, startNetns } from '../../../../netns/index.ts';
import { podAddresses } from '../../../../netns/ipam.ts';
import { isRktError } from '../../../../runtime/base/errors.ts';
import { hostState, leaseDir, netnsDir, report, setLoopbackUp, startPod, uuidOf } from './world.ts';

setLoopbackUp();
const dead = await startPod(1);
mkdirSync(leaseDir, { recursive: true });
podAddresses.forEach((ip, index) => {
  if (ip !== dead.network.ip) writeFileSync(join(leaseDir, ip), `${uuidOf(1000 + index)} default\n`);
});
const uuid = uuidOf(2);
const netns = await startNetns(uuid, netnsDir);
const options = { uuid, kind: 'default', netns, leaseDir } as const;
let refusal: unknown;
try {
  setupPodNetwork({ ...options, isAlive: () => true });
} catch (error) {
  refusal = isRktError(error) ? { code: error.code, message: error.message, hint: error.hint } : String(error);
}
const leasesAfterRefusal = readdirSync(leaseDir).length;

const network = setupPodNetwork({ ...options, isAlive: (other) => other !== dead.uuid });
report({
  refusal,
  leasesAfterRefusal,
  ip: network.ip,
  deadIp: dead.network.ip,
  deadPin: existsSync(dead.netns),
  links: hostState().links,
  elements: hostState().elements,
});
