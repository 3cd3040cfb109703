/**
 * Suites in a virtual machine: on the distribution's kernel, under systemd, with cgroup v2 and the rights of a real root, whatever the
 * machine has that the tests run on. Its root file system is the host's, of which it can change nothing.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeInitramfs } from './initramfs.ts';
import { debianKernel, type Kernel } from './kernel.ts';

const root = join(import.meta.dirname, '..', '..');
const diskBytes = 8 * 2 ** 30;
/** What is not done by then is stuck. */
const limitMinutes = 15;

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Why no machine can be had here; undefined where one can. */
export function whyNot(): string | undefined {
  if (process.arch !== 'x64') return `no virtual machine is set up for ${process.arch}`;
  const debian = [
    'apt-cache',
    'apt-get',
    'dpkg-deb',
    'depmod',
    'modprobe',
    'mkfs.ext4',
    '/bin/busybox',
    '/lib/systemd/systemd',
  ];
  const programs = ['qemu-system-x86_64', ...debian];
  const missing = programs.filter((program) => !has(program));
  return missing.length === 0 ? undefined : `programs are missing: ${missing.join(', ')}`;
}

function has(program: string): boolean {
  try {
    execFileSync('sh', ['-c', 'command -v "$1"', 'sh', program], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Without help of the host's processor it is several times slower, and enough. An emulated one is alone and has no protection keys: V8,
 * which writes code while other threads run it, fails its own checks now and then on two.
 */
function processor(): string[] {
  return canUseKvm()
    ? ['-accel', 'kvm', '-cpu', 'host', '-smp', '2']
    : ['-accel', 'tcg', '-cpu', 'max,-pku', '-smp', '1'];
}

function canUseKvm(): boolean {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
    return /^flags.* (vmx|svm) /m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}

function share(path: string, tag: string): string[] {
  return ['-virtfs', `local,path=${path},mount_tag=${tag},security_model=none,readonly=on,multidevs=remap`];
}

function start(kernel: Kernel, dir: string): ChildProcess {
  const args = [
    [...processor(), '-m', '4096', '-nic', 'none', '-no-reboot'],
    ['-display', 'none', '-serial', 'stdio', '-monitor', 'none'],
    [
      '-kernel',
      kernel.image,
      '-initrd',
      join(dir, 'initramfs'),
      '-append',
      'console=ttyS0 panic=-1 quiet systemd.show_status=false',
    ],
    ['-drive', `if=virtio,format=raw,cache=unsafe,file=${join(dir, 'disk')}`],
    share('/', 'host'),
    share(join(kernel.root, 'lib', 'modules'), 'modules'),
    share(root, 'repository'),
  ];
  return spawn('qemu-system-x86_64', args.flat(), { stdio: ['ignore', 'pipe', 'inherit'] });
}

/** Boots the machine, runs the files of tests whose paths match, and passes on what it prints to stderr. */
export async function runInMachine(patterns: readonly string[]): Promise<Counts> {
  const dir = mkdtempSync(join(tmpdir(), 'rkt-vm-'));
  try {
    const kernel = debianKernel(join(root, 'node_modules', '.cache', 'kernels'));
    const files = { arguments: `${patterns.join('\n')}\n`, repository: root };
    writeInitramfs(join(dir, 'initramfs'), join(dir, 'files'), kernel, files);
    writeFileSync(join(dir, 'disk'), '');
    truncateSync(join(dir, 'disk'), diskBytes);
    execFileSync('mkfs.ext4', ['-q', join(dir, 'disk')]);
    console.error(`in a virtual machine: Linux ${kernel.release}, cgroup v2`);
    return await follow(start(kernel, dir));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The counts that the suite inside ends with. A machine that says none has failed. */
async function follow(machine: ChildProcess): Promise<Counts> {
  const limit = setTimeout(() => {
    console.error(`the virtual machine is stopped: ${limitMinutes} minutes have passed`);
    machine.kill('SIGKILL');
  }, limitMinutes * 60_000);
  let text = '';
  machine.stdout?.setEncoding('utf8').on('data', (data: string) => {
    text += data;
    process.stderr.write(data);
  });
  await once(machine, 'close');
  clearTimeout(limit);
  const counts = /^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?\r?$/m.exec(text);
  if (counts === null) console.error('the virtual machine ended without a result');
  const [passed, failed, skipped] = counts === null ? [0, 1, 0] : counts.slice(1).map((count) => Number(count ?? 0));
  return { passed: passed ?? 0, failed: failed ?? 0, skipped: skipped ?? 0 };
}
