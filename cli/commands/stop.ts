import { messageOf, RktError } from '../../runtime/base/errors.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { hasExited } from '../../runtime/pod/state.ts';
import { type StopOptions, stopPod } from '../../runtime/pod/stop.ts';
import { type Command, failureCode } from '../command.ts';
import { type Context, requireRoot } from '../context.ts';
import { getSwitch } from '../options.ts';
import { podArguments, uuidFileOption } from '../pod-arguments.ts';
import { timeoutMsOf } from '../pod-options.ts';

export const command: Command = {
  name: 'stop',
  summary: 'stop pods',
  usage: '[--force] [--timeout=DURATION] UUID ... | --uuid-file=FILE',
  description:
    'Asks the apps of pods to end, kills what is left after a while, and waits until the pods have ended. The UUID of every ' +
    'pod that was stopped is printed. UUIDs may be shortened as long as they are unambiguous.',
  maxArgs: Number.POSITIVE_INFINITY,
  options: [
    { name: 'force', type: 'switch', description: 'kill the pods' },
    {
      name: 'timeout',
      type: 'duration',
      placeholder: 'DURATION',
      description: "how long apps may take until they are killed, if that is shorter than the pod's own stop timeout",
    },
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    requireRoot(context, 'stop');
    const prefixes = podArguments('stop', args, values);
    const options: StopOptions = {
      dataDir: context.globals.dataDir,
      force: getSwitch(values, 'force'),
      timeoutMs: values.has('timeout') ? timeoutMsOf(values, 'timeout') : undefined,
    };
    // All are asked before the first is waited for.
    const results = prefixes.map((prefix) => attempt(() => stopOne(context, prefix, options)));
    let failures = 0;
    for (const result of results) {
      const { line, failure } = await result;
      if (line !== undefined) context.out(`${line}\n`);
      if (failure !== undefined) context.err(`rkt: ${failure}\n`);
      failures += failure === undefined ? 0 : 1;
    }
    if (failures > 0) context.err(`rkt: failed to stop ${failures} pod(s)\n`);
    return failures === 0 ? 0 : failureCode;
  },
};

async function attempt(stop: () => Promise<string>): Promise<{ line?: string; failure?: string }> {
  try {
    return { line: await stop() };
  } catch (error) {
    return { failure: messageOf(error) };
  }
}

/** What to print: rkt quotes the UUIDs of pods that were stopped. */
async function stopOne(context: Context, prefix: string, options: StopOptions): Promise<string> {
  const pod = findPod(context.globals.dataDir, prefix);
  if (hasExited(pod.state)) return `pod "${pod.uuid}" is already stopped`;
  if (pod.state !== 'running') throw new RktError(`pod "${pod.uuid}" is not running`, { code: 'ENOTRUNNING' });
  await stopPod(pod, options);
  return `"${pod.uuid}"`;
}
