/** A start or an end of a pod is killed at every step in turn; then the teardown by uuid must restore the host. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { teardownPodNetwork } from '../../../../netns/index.ts';
import { dir, hostState, leaseDir, netnsDir, report, setLoopbackUp, startPod, uuidOf } from './world.ts';

const child = join(import.meta.dirname, 'interrupted-child.ts');
const uuid = uuidOf(1);
const netns = join(netnsDir, uuid);
const mode = process.argv[3] ?? '';

setLoopbackUp();
const bystander = await startPod(2);

function leftovers(): unknown {
  const mounted = readFileSync('/proc/self/mountinfo', 'latin1').includes(netns);
  return { state: hostState(), pin: existsSync(netns), mounted, leases: readdirSync(leaseDir).sort() };
}
const baseline = leftovers();

const failures: { step: number; left: unknown }[] = [];
const reached = { killed: 0, dirty: 0 };
let step = 0;
for (let finished = false; !finished; ) {
  step += 1;
  if (mode === 'teardown') await startPod(1);
  const { signal, status } = spawnSync(process.execPath, [child, dir, mode, String(step)], {
    stdio: ['ignore', 'pipe', 2],
  });
  finished = status === 0;
  if (signal === 'SIGKILL') reached.killed += 1;
  else if (!finished) throw new Error(`step ${step}: the child ended with ${status ?? signal}`);
  if (JSON.stringify(leftovers()) !== JSON.stringify(baseline)) reached.dirty += 1;
  teardownPodNetwork({ uuid, network: undefined, netns, leaseDir });
  const left = leftovers();
  if (JSON.stringify(left) !== JSON.stringify(baseline)) failures.push({ step, left });
}

teardownPodNetwork({ ...bystander, leaseDir });
report({ ...reached, failures, end: hostState() });
