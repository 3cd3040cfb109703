import { podDocument } from '../../runtime/pod/api.ts';
import { namesByUuid } from '../../runtime/pod/names.ts';
import {
  type AppSummary,
  listPods,
  type PodEntry,
  type PodNetwork,
  type PodSummary,
  podSummary,
} from '../../runtime/pod/pods.ts';
import { type PodState, podStates } from '../../runtime/pod/state.ts';
import type { Command } from '../command.ts';
import type { Context } from '../context.ts';
import { getList, getSwitch, type OptionValues, usageError } from '../options.ts';
import { formatOption, jsonText, outputFormat } from '../output-format.ts';
import { table } from '../table.ts';
import { ago, timestamp } from '../time.ts';

export const command: Command = {
  name: 'list',
  summary: 'list pods',
  usage: '[--full] [--no-legend] [--quiet] [--state=STATES] [--format=json|json-pretty]',
  description: 'Lists the pods of the data directory with their apps, states and addresses, oldest first.',
  options: [
    { name: 'full', type: 'switch', description: 'whole UUIDs and times, and image ids' },
    { name: 'no-legend', type: 'switch', description: 'leave out the line of column names' },
    { name: 'quiet', short: 'q', type: 'switch', description: 'print UUIDs only, one a line' },
    {
      name: 'state',
      type: 'list',
      placeholder: 'STATES',
      description: 'only pods in these states, separated by commas: running, exited, prepared, …',
    },
    formatOption,
  ],
  run(context, { values }) {
    const format = outputFormat(values);
    const pods = wantedPods(context, values);
    if (getSwitch(values, 'quiet')) context.out(pods.map(({ uuid }) => `${uuid}\n`).join(''));
    else if (format !== undefined) context.out(asJson(context, pods, format));
    else context.out(asTable(context, pods, values));
    return 0;
  },
};

function wantedPods(context: Context, values: OptionValues): PodEntry[] {
  const states = new Set(getList(values, 'state').flatMap(parseStates));
  const pods = listPods(context.globals.dataDir);
  return states.size === 0 ? pods : pods.filter(({ state }) => states.has(state));
}

function parseStates(text: string): PodState[] {
  return text.split(',').map((word) => {
    const state = podStates.find((known) => known === word || known.replaceAll(' ', '-') === word);
    if (state === undefined)
      throw usageError(`invalid value "${word}" for --state`, `there are ${podStates.join(', ')}`);
    return state;
  });
}

/** A pod with what there is to say about it. */
interface Described {
  readonly pod: PodEntry;
  readonly summary: PodSummary;
}

/** Oldest first. */
function describe(context: Context, pods: readonly PodEntry[]): Described[] {
  return pods
    .map((pod) => {
      const summary = podSummary(pod);
      for (const problem of summary.problems) context.log.warn(`pod ${pod.uuid}: ${problem}`);
      return { pod, summary };
    })
    .sort((a, b) => (a.summary.created ?? 0) - (b.summary.created ?? 0) || (a.pod.uuid < b.pod.uuid ? -1 : 1));
}

function asJson(context: Context, pods: readonly PodEntry[], format: 'json' | 'json-pretty'): string {
  const names = namesByUuid(context.globals.dataDir);
  const documents = describe(context, pods).map(({ pod, summary }) => {
    const { document, problems } = podDocument(pod, summary, names.get(pod.uuid));
    for (const problem of problems) context.log.warn(`pod ${pod.uuid}: ${problem}`);
    return document;
  });
  return jsonText(documents, format);
}

function asTable(context: Context, pods: readonly PodEntry[], values: OptionValues): string {
  const full = getSwitch(values, 'full');
  const names = namesByUuid(context.globals.dataDir);
  // The columns are those of rkt as long as no pod has a name.
  const named = pods.some(({ uuid }) => names.has(uuid));
  const rows = getSwitch(values, 'no-legend') ? [] : [legend(full, named)];
  const now = Date.now();
  for (const { pod, summary } of describe(context, pods)) {
    rows.push(...podRows(pod, summary, { full, now, name: named ? (names.get(pod.uuid) ?? '') : undefined }));
  }
  return table(rows);
}

function legend(full: boolean, named: boolean): string[] {
  const id = full ? ['IMAGE ID'] : [];
  return ['UUID', 'APP', 'IMAGE NAME', ...id, 'STATE', 'CREATED', 'STARTED', 'NETWORKS', ...(named ? ['NAME'] : [])];
}

interface RowStyle {
  readonly full: boolean;
  readonly now: number;
  /** Undefined: there is no such column. */
  readonly name: string | undefined;
}

function podRows(pod: PodEntry, summary: PodSummary, { full, now, name }: RowStyle): string[][] {
  const time = (at: number | undefined): string => (at === undefined ? '' : full ? timestamp(at) : ago(at, now));
  const { apps } = summary;
  return Array.from({ length: Math.max(1, apps.length) }, (_, index) => {
    const first = index === 0;
    const [app, image, id] = appCells(apps[index]);
    const head = first ? (full ? pod.uuid : pod.uuid.slice(0, 8)) : '';
    const networks = summary.networks.map(networkLabel).join(', ');
    const tail = first ? [pod.state, time(summary.created), time(summary.started), networks] : ['', '', '', ''];
    return [head, app, image, ...(full ? [id] : []), ...tail, ...(name === undefined ? [] : [first ? name : ''])];
  });
}

function appCells(app: AppSummary | undefined): [string, string, string] {
  if (app === undefined) return ['-', '-', '-'];
  const name = app.imageName ?? '';
  const image = app.version === undefined ? name : `${name}:${app.version}`;
  return [app.name, image, app.imageId.slice(0, 'sha512-'.length + 12)];
}

export const networkLabel = (network: PodNetwork): string => `${network.name}:ip4=${network.ip}`;
