import { findPod } from '../../runtime/pod/find.ts';
import { appStatus, podDetails } from '../../runtime/pod/pods.ts';
import { hasExited } from '../../runtime/pod/state.ts';
import type { Command } from '../command.ts';
import { usageError } from '../options.ts';
import { timestamp } from '../time.ts';
import { networkLabel } from './list.ts';

export const command: Command = {
  name: 'status',
  summary: 'show the state of a pod and the exit codes of its apps',
  usage: 'UUID',
  description: 'Prints one line per fact about a pod. The UUID may be shortened as long as it is unambiguous.',
  maxArgs: 1,
  options: [],
  run(context, { args }) {
    const [prefix] = args;
    if (prefix === undefined) throw usageError('rkt status takes one UUID');
    const pod = findPod(context.globals.dataDir, prefix);
    const { manifest, networks, created, started, pid, problems } = podDetails(pod);
    for (const problem of problems) context.log.warn(problem);
    const lines = [`state=${pod.state}`];
    if (created !== undefined) lines.push(`created=${timestamp(created)}`);
    if (started !== undefined) lines.push(`started=${timestamp(started)}`);
    if (networks.length > 0) lines.push(`networks=${networks.map(networkLabel).join(',')}`);
    if (pid !== undefined) lines.push(`pid=${pid}`);
    lines.push(`exited=${hasExited(pod.state)}`);
    for (const { name } of manifest?.apps ?? []) {
      const status = appStatus(pod, name);
      if (status !== undefined) lines.push(`app-${name}=${status}`);
    }
    context.out(`${lines.join('\n')}\n`);
    return 0;
  },
};
