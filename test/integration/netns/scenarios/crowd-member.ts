/** Starts pods FIRST … FIRST+COUNT-1, waits for its parent, takes them down. */

import { once } from 'node:events';
import { teardownPodNetwork } from '../../../../netns/index.ts';
import { leaseDir, type Pod, startPod } from './world.ts';

const [, , , first = '', count = ''] = process.argv;
const pods: Pod[] = [];
for (let n = 0; n < Number(count); n++) pods.push(await startPod(Number(first) + n));
process.stdout.write(`${JSON.stringify(pods.map((pod) => pod.network.ip))}\n`);
await once(process.stdin, 'data');
for (const pod of pods) teardownPodNetwork({ ...pod, leaseDir });
process.exit(0);
