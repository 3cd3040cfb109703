/** A kernel of the distribution, for a virtual machine: downloaded as a package and unpacked, never installed. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';

export interface Kernel {
  readonly release: string;
  /** File that a boot loader loads. */
  readonly image: string;
  /** Root directory below which `lib/modules` lies, as modprobe(8) takes it by `--dirname`. */
  readonly root: string;
}

const run = (command: string, args: readonly string[], cwd?: string): string =>
  execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });

/** The package that the distribution's newest kernel is in; `linux-image-amd64` only names it. */
function packageName(): string {
  const text = run('apt-cache', ['depends', '--important', 'linux-image-amd64']);
  const name = /Depends: (linux-image-\S+)/.exec(text)?.[1];
  if (name === undefined) throw new Error('apt knows no kernel: apt-cache depends linux-image-amd64 names none');
  return name;
}

/** Has the kernel in `cache`, where it stays for the next time. Errors: apt's, on stderr. */
export function debianKernel(cache: string): Kernel {
  const name = packageName();
  const root = join(cache, name);
  if (!existsSync(root)) {
    const unfinished = `${root}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { recursive: true });
    run('apt-get', ['download', '-qq', '-o', 'APT::Sandbox::User=root', name], unfinished);
    const archive = readdirSync(unfinished).find((file) => file.endsWith('.deb')) as string;
    run('dpkg-deb', ['--extract', archive, '.'], unfinished);
    rmSync(join(unfinished, archive));
    const [release = ''] = readdirSync(join(unfinished, 'lib', 'modules'));
    run('depmod', ['--basedir', unfinished, release]);
    renameSync(unfinished, root);
  }
  const [release = ''] = readdirSync(join(root, 'lib', 'modules'));
  return { release, image: join(root, 'boot', `vmlinuz-${release}`), root };
}

/** Files of the modules and of what they need, relative to the kernel's root. Those that are built in have none. */
export function moduleFiles({ root, release }: Kernel, names: readonly string[]): string[] {
  const text = run('modprobe', ['--dirname', root, '--set-version', release, '--show-depends', '--all', ...names]);
  const files = [...text.matchAll(/^insmod (\S+)/gm)].map(([, file = '']) => file.slice(root.length + 1));
  return [...new Set(files)];
}
