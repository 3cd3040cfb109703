import type { RuntimeApp } from '../../runtime/appc/pod-manifest.ts';
import { listPods, type PodDetails, type PodEntry, type PodNetwork, podDetails } from '../../runtime/pod/pods.ts';
import type { Command } from '../command.ts';
import type { Context } from '../context.ts';
import { getSwitch } from '../options.ts';
import { table } from '../table.ts';
import { ago, timestamp } from '../time.ts';

export const command: Command = {
  name: 'list',
  summary: 'list pods',
  usage: '[--full] [--no-legend]',
  description: 'Lists the pods of the data directory with their apps, states and addresses.',
  options: [
    { name: 'full', type: 'switch', description: 'whole UUIDs and times, and image ids' },
    { name: 'no-legend', type: 'switch', description: 'leave out the line of column names' },
  ],
  run(context, { values }) {
    const full = getSwitch(values, 'full');
    const rows = getSwitch(values, 'no-legend') ? [] : [legend(full)];
    const pods = listPods(context.globals.dataDir)
      .map((pod) => ({ pod, details: detailsOf(pod, context) }))
      .sort((a, b) => (a.details.created ?? 0) - (b.details.created ?? 0) || (a.pod.uuid < b.pod.uuid ? -1 : 1));
    for (const { pod, details } of pods) rows.push(...podRows(pod, details, full));
    context.out(table(rows));
    return 0;
  },
};

function legend(full: boolean): string[] {
  const columns = ['UUID', 'APP', 'IMAGE NAME', 'IMAGE ID', 'STATE', 'CREATED', 'STARTED', 'NETWORKS'];
  return full ? columns : columns.filter((column) => column !== 'IMAGE ID');
}

function detailsOf(pod: PodEntry, context: Context): PodDetails {
  const details = podDetails(pod);
  for (const problem of details.problems) context.log.warn(`pod ${pod.uuid}: ${problem}`);
  return details;
}

function podRows(pod: PodEntry, details: PodDetails, full: boolean): string[][] {
  const now = Date.now();
  const time = (at: number | undefined): string => (at === undefined ? '' : full ? timestamp(at) : ago(at, now));
  const apps = details.manifest?.apps ?? [];
  return Array.from({ length: Math.max(1, apps.length) }, (_, index) => {
    const first = index === 0;
    const [name, image, id] = appCells(apps[index]);
    const head = first ? (full ? pod.uuid : pod.uuid.slice(0, 8)) : '';
    const tail = first
      ? [pod.state, time(details.created), time(details.started), details.networks.map(networkLabel).join(', ')]
      : ['', '', '', ''];
    return [head, name, image, ...(full ? [id] : []), ...tail];
  });
}

function appCells(app: RuntimeApp | undefined): [string, string, string] {
  if (app === undefined) return ['-', '-', '-'];
  const version = app.image.labels.find((label) => label.name === 'version')?.value;
  const name = app.image.name ?? '';
  return [app.name, version === undefined ? name : `${name}:${version}`, app.image.id.slice(0, 'sha512-'.length + 12)];
}

export const networkLabel = (network: PodNetwork): string => `${network.name}:ip4=${network.ip}`;
