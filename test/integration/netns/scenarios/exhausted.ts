/**
 * All addresses are taken by pods of several data directories: first by pods that live, or of which it is not known; then by one that is
 * dead and has left a link behind.
 */

import { closeSync, existsSync, mkdirSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { native } from '../../../../native/index.ts';
import { setupPodNetwork, startNetns } from '../../../../netns/index.ts';
import { podAddresses } from '../../../../netns/ipam.ts';
import { isRktError } from '../../../../runtime/base/errors.ts';
import { dir, hostState, leaseDir, netnsDir, podDirOf, report, setLoopbackUp, startPod, uuidOf } from './world.ts';

/** Makes a pod's directory and locks it. */
function lock(path: string): number {
  mkdirSync(path, { recursive: true });
  const fd = openSync(path, 'r');
  native.flock(fd, 'exclusive', true);
  return fd;
}

setLoopbackUp();
mkdirSync(leaseDir, { recursive: true });
const lockOfDead = lock(podDirOf(1));
const dead = await startPod(1);
const living = lock(podDirOf(3));
const other = await startPod(3);

// The rest: pods of another data directory that live, that are gone with their directory, and that tell no directory.
const elsewhere = join(dir, 'elsewhere');
const lockElsewhere = lock(elsewhere);
const owners = [` ${JSON.stringify(elsewhere)}`, ` ${JSON.stringify(join(dir, 'gone'))}`, '', ' "/proc/none/\\u0000"'];
podAddresses.forEach((ip, index) => {
  if (ip === dead.network.ip || ip === other.network.ip) return;
  writeFileSync(join(leaseDir, ip), `${uuidOf(1000 + index)} default${owners[index % owners.length]}\n`);
});
const uuid = uuidOf(2);
const netns = await startNetns(uuid, netnsDir);
const options = { uuid, kind: 'default', netns, leaseDir, dir: podDirOf(2) } as const;
let refusal: unknown;
try {
  setupPodNetwork(options);
} catch (error) {
  refusal = isRktError(error) ? { code: error.code, message: error.message, hint: error.hint } : String(error);
}
const leasesAfterRefusal = readdirSync(leaseDir).length;

closeSync(lockOfDead);
const network = setupPodNetwork(options);
report({
  refusal,
  leasesAfterRefusal,
  leasesAfterwards: readdirSync(leaseDir).length,
  ip: network.ip,
  deadIp: dead.network.ip,
  deadPin: existsSync(dead.netns),
  livingPin: existsSync(other.netns),
  links: hostState().links,
  elements: hostState().elements,
});
for (const fd of [living, lockElsewhere]) closeSync(fd);
