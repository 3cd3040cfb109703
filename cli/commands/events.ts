import { findPod } from '../../runtime/pod/find.ts';
import { watchEvents } from '../../runtime/pod/watch/events.ts';
import type { PodEvent } from '../../runtime/pod/watch/pod-events.ts';
import { whenReaderGone } from '../../runtime/pod/watch/reader.ts';
import type { Command } from '../command.ts';
import { parseDuration } from '../duration.ts';
import { wantsJson } from '../look-options.ts';
import { getValue } from '../options.ts';
import { namedPods, uuidFileOption } from '../pod-arguments.ts';
import { timestamp } from '../time.ts';

export const command: Command = {
  name: 'events',
  summary: 'print what happens to pods as it happens',
  usage: '[--since=DURATION] [--format=json] [--uuid-file=FILE] [UUID ...]',
  description:
    'Prints a line for everything that happens to pods: prepared, started, app-started, ready, app-exited, restarted, exited, ' +
    'garbage, removed. Ends on Ctrl-C, or when all pods that were named are removed.',
  maxArgs: Infinity,
  options: [
    {
      name: 'since',
      type: 'value',
      placeholder: 'DURATION',
      description: 'begin with what happened in this time, as far as the pods that are there still tell',
    },
    { name: 'format', type: 'value', placeholder: 'FORMAT', description: 'json: one JSON object a line' },
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    const json = wantsJson(values);
    const { dataDir } = context.globals;
    const since = getValue(values, 'since');
    const past = since === undefined ? undefined : Date.now() - parseDuration(since, '--since');
    const only = new Set(namedPods(args, values).map((pod) => findPod(dataDir, pod).uuid));
    const stop = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
    const stopWatching = whenReaderGone(1, () => stop.abort());
    for await (const event of watchEvents({ dataDir, only, since: past ?? Infinity, signal: stop.signal })) {
      context.out(`${json ? jsonLine(event) : textLine(event)}\n`);
    }
    stopWatching();
    return 0;
  },
};

function textLine({ time, uuid, event, name, app, code, restarts }: PodEvent): string {
  const words = [timestamp(time), uuid, event];
  for (const [fact, value] of Object.entries({ app, code, restarts, name })) {
    if (value !== undefined) words.push(`${fact}=${value}`);
  }
  return words.join(' ');
}

const jsonLine = ({ time, ...rest }: PodEvent): string =>
  JSON.stringify({ time: new Date(time).toISOString(), ...rest });
