/**
 * What of the host a pod could leave its marks on. Taken before and after, the two must be equal.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { podGroups } from './cgroups.ts';

/** Sets of names by kind of thing. */
export type HostState = Readonly<Record<string, ReadonlySet<string>>>;

/** A tool that fails must not look like a host without anything. */
function lines(command: string, ...args: string[]): string[] {
  const output = execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return output.split('\n').filter((line) => line !== '');
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

/** Processes that run rkt or one of its helpers, by what they execute. */
function processes(): string[] {
  return names('/proc')
    .filter((pid) => /^[0-9]+$/.test(pid))
    .flatMap((pid) => {
      try {
        const exe = readlinkSync(`/proc/${pid}/exe`);
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return /stage1|lib\/rkt\//.test(exe) ? [`${pid} ${exe}: ${command}`] : [];
      } catch {
        return [];
      }
    });
}

/** Leases, pins and sockets. What serves all pods (directories, the lock of an address pool) stays, as /run/rkt does. */
function runFiles(): string[] {
  const dir = '/run/rkt';
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && entry.name !== 'lock')
    .map((entry) => `${entry.parentPath}/${entry.name}`);
}

const mounts = (): string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' ').slice(3, 5).join(' at '));

export function snapshot(): HostState {
  return {
    link: new Set(lines('ip', '-o', 'link').map((line) => (line.split(': ')[1] ?? line).replace(/@.*/, ''))),
    address: new Set(lines('ip', '-o', 'address').map((line) => line.split(/\s+/).slice(1, 4).join(' '))),
    route: new Set(lines('ip', 'route')),
    'nft rule': new Set(lines('nft', 'list', 'ruleset')),
    mount: new Set(mounts()),
    cgroup: new Set(podGroups()),
    process: new Set(processes()),
    'temporary file': new Set(names(tmpdir()).filter((name) => name.startsWith('rkt-'))),
    'file in /run/rkt': new Set(runFiles()),
  };
}

/** One line per thing that one state has and the other has not. */
export function difference(before: HostState, after: HostState): string[] {
  return Object.keys(before).flatMap((kind) => {
    const old = before[kind] as ReadonlySet<string>;
    const now = after[kind] as ReadonlySet<string>;
    return [
      ...[...now].filter((name) => !old.has(name)).map((name) => `${kind} was left behind: ${name}`),
      ...[...old].filter((name) => !now.has(name)).map((name) => `${kind} is gone: ${name}`),
    ];
  });
}
