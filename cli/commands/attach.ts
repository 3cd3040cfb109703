import { RktError } from '../../runtime/base/errors.ts';
import type { Endpoint } from '../../runtime/pod/attach/index.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { type PodEntry, podSummary } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import { requireRoot } from '../context.ts';
import { getValue, type OptionValues, usageError } from '../options.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';

export const command: Command = {
  name: 'attach',
  summary: 'attach to the standard streams of a running app',
  usage: '[--app=NAME] [--mode=MODE] [--uuid-file=FILE | UUID]',
  description:
    'Gets what an app prints from now on, and sends it what is typed, for apps that were run with --stdin, --stdout or --stderr as ' +
    'stream or tty. It can be attached to several times at once. ^C detaches; from a terminal, ^] three times within a second.',
  maxArgs: 1,
  options: [
    { name: 'app', type: 'value', placeholder: 'NAME', description: 'which app, where the pod has several' },
    {
      name: 'mode',
      type: 'value',
      placeholder: 'MODE',
      default: 'auto',
      description:
        'what to attach to: auto (all there is), list (print what there is), or some of stdin, stdout, stderr or of tty, tty-in, ' +
        'tty-out, with commas',
    },
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    requireRoot(context, 'attach');
    const { attach, attachableSockets, endpointsOf, parseMode } = await import('../../runtime/pod/attach/index.ts');
    const mode = parseMode(getValue(values, 'mode') as string);
    const pod = findPod(context.globals.dataDir, podArgument('attach', args, values));
    if (pod.state !== 'running') throw new RktError(`pod ${pod.uuid} is not running`, { code: 'EPOD' });
    const app = appOf(pod, values);
    const present = endpointsOf(attachableSockets(pod, app));
    if (mode === 'list') {
      context.out(present.map((endpoint) => `${endpoint}\n`).join(''));
      return 0;
    }
    const endpoints = mode === 'auto' ? withoutBoth(present) : mode;
    requirePresent(pod, app, endpoints, present);
    await attach(pod, app, endpoints, { stdin: process.stdin, out: context.out, err: context.err });
    return 0;
  },
};

/** A terminal, where there is one, is what a user wants of an app that has other streams beside it. */
const withoutBoth = (present: readonly Endpoint[]): readonly Endpoint[] => {
  const terminal = present.filter((endpoint) => endpoint.startsWith('tty'));
  return terminal.length > 0 ? terminal : present;
};

function requirePresent(
  pod: PodEntry,
  app: string,
  endpoints: readonly Endpoint[],
  present: readonly Endpoint[],
): void {
  const missing = endpoints.find((endpoint) => !present.includes(endpoint));
  if (endpoints.length > 0 && missing === undefined) return;
  throw new RktError(
    missing === undefined
      ? `app "${app}" of pod ${pod.uuid} has nothing to attach to`
      : `${missing} of app "${app}" of pod ${pod.uuid} cannot be attached to`,
    {
      code: 'EATTACH',
      hint:
        present.length === 0
          ? 'run it with --stdin, --stdout or --stderr as stream or tty'
          : `there is ${present.join(', ')}`,
    },
  );
}

/** Errors: ENOAPP, EUSAGE. */
function appOf(pod: PodEntry, values: OptionValues): string {
  const names = podSummary(pod).apps.map(({ name }) => name);
  const wanted = getValue(values, 'app');
  const [only] = names;
  if (wanted === undefined && names.length === 1 && only !== undefined) return only;
  if (wanted !== undefined && names.includes(wanted)) return wanted;
  const hint = `the pod has ${names.join(', ')}`;
  if (wanted === undefined) throw usageError('say with --app which app is meant', hint);
  throw new RktError(`pod ${pod.uuid} has no app "${wanted}"`, { code: 'ENOAPP', hint });
}
