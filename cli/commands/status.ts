import { readFileSync } from 'node:fs';
import { RktError } from '../../runtime/base/errors.ts';
import { podFiles } from '../../runtime/base/paths.ts';
import { podDocument } from '../../runtime/pod/api.ts';
import { appDetails } from '../../runtime/pod/app-details.ts';
import { findPod } from '../../runtime/pod/find.ts';
import { nameOf } from '../../runtime/pod/names.ts';
import { type AppSummary, isReady, type PodEntry, type PodSummary, podSummary } from '../../runtime/pod/pods.ts';
import { hasEnded, hasExited } from '../../runtime/pod/state.ts';
import { PodWatch } from '../../runtime/pod/watch/wait.ts';
import type { Command } from '../command.ts';
import type { Context } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { isolatorLines, limitLines } from '../isolation-lines.ts';
import { getSwitch, getValue, type Option, type OptionValues } from '../options.ts';
import { formatOption, jsonText, outputFormat } from '../output-format.ts';
import { podArgument, uuidFileOption } from '../pod-arguments.ts';
import { timestamp } from '../time.ts';
import { networkLabel } from './list.ts';

const waitOption = (name: string, description: string): Option => ({
  name,
  type: 'value',
  placeholder: 'DURATION',
  bare: 'true',
  description,
});

export const command: Command = {
  name: 'status',
  summary: 'show the state of a pod and the exit codes of its apps',
  usage:
    '[--wait[=DURATION]] [--wait-ready[=DURATION]] [--verbose] [--format=json|json-pretty] [--uuid-file=FILE | UUID]',
  description: 'Prints one line per fact about a pod. The UUID may be shortened as long as it is unambiguous.',
  maxArgs: 1,
  options: [
    waitOption('wait', 'wait until the pod has ended; with a duration, no longer than that'),
    waitOption('wait-ready', 'wait until all apps have started and are ready'),
    { name: 'verbose', type: 'switch', description: 'say more, about every app too' },
    formatOption,
    uuidFileOption,
  ],
  async run(context, { values, args }) {
    const format = outputFormat(values);
    const waits = { ready: waitPeriod(values, 'wait-ready'), end: waitPeriod(values, 'wait') };
    const found = findPod(context.globals.dataDir, podArgument('status', args, values));
    const pod = await waitIfWanted(context, found, waits);
    const summary = podSummary(pod);
    for (const problem of summary.problems) context.log.warn(problem);
    const name = nameOf(context.globals.dataDir, pod);
    if (format === undefined) {
      const verbose = getSwitch(values, 'verbose');
      const lines = factsOf(context, pod, summary, name, verbose);
      const apps = summary.apps.map((app) => app.name);
      lines.push(...limitLines(pod, apps));
      if (verbose && summary.pid !== undefined) lines.push(...isolatorLines(pod, apps, context.log));
      context.out(`${lines.join('\n')}\n`);
      return 0;
    }
    const { document, problems } = podDocument(pod, summary, name);
    for (const problem of problems) context.log.warn(problem);
    context.out(jsonText(document, format));
    return 0;
  },
};

/** Milliseconds; undefined: no waiting. As in rkt, a negative duration is for ever, and zero or "false" not at all. */
function waitPeriod(values: OptionValues, option: string): number | undefined {
  const text = getValue(values, option);
  if (text === undefined || text === 'false') return undefined;
  const period = text === 'true' ? -1 : parseDuration(text, `--${option}`);
  return period === 0 ? undefined : period < 0 ? Infinity : period;
}

interface Waits {
  readonly ready: number | undefined;
  readonly end: number | undefined;
}

async function waitIfWanted(context: Context, pod: PodEntry, { ready, end }: Waits): Promise<PodEntry> {
  let now = pod;
  if (ready !== undefined) {
    now = await waitFor(context, now, (seen) => isReady(seen) || hasEnded(seen.state), ready, 'is not ready');
    if (!isReady(now)) throw new RktError(`pod ${pod.uuid} has ended and was never ready`, { code: 'ENOTREADY' });
  }
  if (end === undefined) return now;
  return await waitFor(context, now, ({ state }) => hasEnded(state), end, 'has not ended');
}

async function waitFor(
  context: Context,
  pod: PodEntry,
  reached: (pod: PodEntry) => boolean,
  period: number,
  still: string,
): Promise<PodEntry> {
  if (reached(pod)) return pod;
  using watch = new PodWatch(context.globals.dataDir, pod.uuid);
  const now = await watch.until(reached, period);
  if (now !== undefined) return now;
  throw new RktError(`pod ${pod.uuid} ${still} after ${period / 1000} s`, { code: 'ETIMEDOUT' });
}

function factsOf(
  context: Context,
  pod: PodEntry,
  { apps, networks, created, started, pid }: PodSummary,
  name: string | undefined,
  verbose: boolean,
): string[] {
  const lines = [`state=${pod.state}`];
  if (name !== undefined) lines.push(`name=${name}`);
  if (created !== undefined) lines.push(`created=${timestamp(created)}`);
  if (started !== undefined) lines.push(`started=${timestamp(started)}`);
  if (networks.length > 0) lines.push(`networks=${networks.map(networkLabel).join(',')}`);
  if (pid !== undefined) lines.push(`pid=${pid}`);
  lines.push(`exited=${hasExited(pod.state)}`);
  if (verbose) lines.push(...podFacts(pod));
  for (const app of apps) lines.push(...appFacts(context, pod, app, verbose));
  return lines;
}

function podFacts(pod: PodEntry): string[] {
  const lines = [`ready=${isReady(pod)}`];
  try {
    lines.push(`cgroup=${readFileSync(podFiles.cgroup(pod.dir), 'utf8').trim()}`);
  } catch {
    // It has not come that far.
  }
  return lines;
}

/** The line `app-NAME=CODE`, and with `verbose` lines `app-NAME.FACT=VALUE` before it. */
function appFacts(context: Context, pod: PodEntry, app: AppSummary, verbose: boolean): string[] {
  const details = appDetails(pod, app.name);
  for (const problem of details.problems) context.log.warn(problem);
  const lines: string[] = [];
  if (verbose) {
    const facts: readonly [string, string | number | undefined][] = [
      ['state', details.state],
      ['image', app.version === undefined ? app.imageName : `${app.imageName}:${app.version}`],
      ['image-id', app.imageId],
      ['pid', details.pid],
      ['started', details.started === undefined ? undefined : timestamp(details.started)],
      ['finished', details.finished === undefined ? undefined : timestamp(details.finished)],
      ['restarts', details.restarts],
    ];
    for (const [fact, value] of facts) if (value !== undefined) lines.push(`app-${app.name}.${fact}=${value}`);
  }
  if (details.exitCode !== undefined) lines.push(`app-${app.name}=${details.exitCode}`);
  return lines;
}
