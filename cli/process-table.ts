/** The processes of a pod as `rkt ps` and `rkt top` show them. */

import type { PodProcess } from '../runtime/pod/look/processes.ts';
import { bytes, cpuTime } from './amount.ts';
import { printable } from './printable.ts';
import { table } from './table.ts';

export interface ShownProcess {
  readonly process: PodProcess;
  /** Percent of one core. */
  readonly cpu: number;
}

const legend = ['PID', 'POD PID', 'APP', 'UID', 'STATE', 'CPU', 'MEMORY', 'TIME', 'COMMAND'];

export function processTable(processes: readonly ShownProcess[], withLegend = true): string {
  const rows = processes.map(({ process, cpu }) => [
    String(process.pid),
    String(process.podPid),
    process.app ?? '-',
    String(process.uid),
    process.state,
    cpu.toFixed(1),
    bytes(process.rss),
    cpuTime(process.cpuSeconds),
    printable(process.command),
  ]);
  return table(withLegend ? [legend, ...rows] : rows);
}

/** The same for programs: bytes and seconds as numbers. */
export function processList(processes: readonly ShownProcess[]): object[] {
  return processes.map(({ process, cpu }) => ({
    pid: process.pid,
    pod_pid: process.podPid,
    app: process.app ?? null,
    uid: process.uid,
    state: process.state,
    cpu_percent: Math.round(cpu * 10) / 10,
    cpu_seconds: process.cpuSeconds,
    memory: process.rss,
    command: process.command,
  }));
}

/** One line, so that a stream of them can be read line by line. */
export const processJson = (processes: readonly ShownProcess[]): string =>
  `${JSON.stringify(processList(processes))}\n`;
