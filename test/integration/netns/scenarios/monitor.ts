/** A pod ends as its monitor ends it: the prepared datagrams, the pin, the lease. Nothing else of rkt runs. */

import { existsSync, readdirSync, unlinkSync } from 'node:fs';
import { native } from '../../../../native/index.ts';
import { removeTable, teardownSteps } from '../../../../netns/index.ts';
import { outcomeOf, parseMessages } from '../../../../netns/netlink/codec.ts';
import { hostState, leaseDir, report, setLoopbackUp, startPod } from './world.ts';

setLoopbackUp();
const before = hostState();
const pods = [await startPod(1), await startPod(2, 'default-restricted')];
const outcomes = pods.flatMap((pod) => {
  const steps = teardownSteps(pod.network, leaseDir);
  const answers = steps.netlink.flatMap(({ protocol, data }) => {
    const fd = native.netlinkOpen({ protocol });
    return parseMessages(native.netlinkTransact(fd, data, 1, 5000)).map((answer) => outcomeOf(answer)?.errno);
  });
  for (const path of steps.unmount) native.removeNetns(path);
  for (const path of steps.unlink) unlinkSync(path);
  return answers;
});
const after = hostState();
report({
  outcomes,
  before,
  after,
  pins: pods.map((pod) => existsSync(pod.netns)),
  leases: readdirSync(leaseDir),
  tableRemoved: removeTable(leaseDir),
  end: hostState(),
});
