/**
 * A real registry on loopback: Debian's docker-registry on a free port, with its data in a temporary directory. Images come
 * from OCI layouts (oci-layout.ts), pushed by skopeo.
 */

import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, watch, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { OciLayout } from './oci-layout.ts';

/** The account that a registry with `basic` knows. */
export const account = { user: 'rkt', password: 'swordfish' } as const;

/** The account as htpasswd -B writes it: bcrypt, the only form that docker-registry takes. */
const htpasswd = 'rkt:$2b$04$0390J3J6dtUxDeYKwsluPu9eThbv6Mz2RXTJiXD9Cf6niMdLn.j6m\n';

/** How a registry asks who it is talking to. */
export type RegistryAuth =
  | { readonly type: 'none' }
  | { readonly type: 'basic' }
  /** Tokens of `realm`, signed by a key whose certificate is in the file `certificates`. */
  | { readonly type: 'token'; readonly realm: string; readonly issuer: string; readonly certificates: string };

export interface RegistryOptions {
  readonly auth?: RegistryAuth;
  /** Runs it elsewhere, for example in a network namespace: a prefix of the command line. */
  readonly inside?: readonly string[];
}

export const tokenService = 'registry.test';

function authLines(auth: RegistryAuth, dir: string): string[] {
  if (auth.type === 'none') return [];
  if (auth.type === 'token') {
    const { realm, issuer, certificates } = auth;
    const fields = { realm, service: tokenService, issuer, rootcertbundle: certificates };
    return [
      'auth:',
      '  token:',
      ...Object.entries(fields).map(([name, value]) => `    ${name}: ${JSON.stringify(value)}`),
    ];
  }
  const file = join(dir, 'htpasswd');
  writeFileSync(file, htpasswd);
  return ['auth:', '  htpasswd:', '    realm: test', `    path: ${JSON.stringify(file)}`];
}

export class TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  readonly #dir: string;
  readonly #child: ChildProcess;
  readonly #auth: RegistryAuth;
  readonly #inside: readonly string[];

  private constructor(host: string, dir: string, child: ChildProcess, { auth, inside }: RegistryOptions) {
    this.host = host;
    this.#dir = dir;
    this.#child = child;
    this.#auth = auth ?? { type: 'none' };
    this.#inside = inside ?? [];
  }

  static async start(options: RegistryOptions = {}): Promise<TestRegistry> {
    const dir = mkdtempSync(join(tmpdir(), 'rkt-registry-'));
    const config = join(dir, 'config.yml');
    const lines = [
      'version: 0.1',
      'log: {level: info, formatter: json, accesslog: {disabled: true}}',
      `storage: {filesystem: {rootdirectory: ${JSON.stringify(join(dir, 'data'))}}, delete: {enabled: true}}`,
      // Port 0: the kernel picks one; the log says which.
      'http: {addr: "127.0.0.1:0"}',
      ...authLines(options.auth ?? { type: 'none' }, dir),
    ];
    writeFileSync(config, `${lines.join('\n')}\n`);
    const [program = '', ...args] = [...(options.inside ?? []), 'docker-registry', 'serve', config];
    const log = join(dir, 'log');
    const logFd = openSync(log, 'w');
    const env = { PATH: process.env.PATH, OTEL_TRACES_EXPORTER: 'none' };
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', logFd], env });
    closeSync(logFd);
    return new TestRegistry(await listeningOn(child, log), dir, child, options);
  }

  /** Copies the image that a layout calls `tag` to `repository:tag`; an index with all that it names. */
  push(layout: OciLayout, tag: string, repository: string, ...options: string[]): void {
    const [program = '', ...args] = this.#pushCommand(layout, tag, repository, options);
    execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  }

  /** The same, while this process does other work. */
  async pushLater(layout: OciLayout, tag: string, repository: string): Promise<void> {
    const [program = '', ...args] = this.#pushCommand(layout, tag, repository, []);
    await promisify(execFile)(program, args);
  }

  #pushCommand(layout: OciLayout, tag: string, repository: string, options: readonly string[]): string[] {
    const credentials = this.#auth.type === 'none' ? [] : ['--dest-creds', `${account.user}:${account.password}`];
    const fixed = ['--insecure-policy', 'copy', '--quiet', '--all', '--dest-tls-verify=false'];
    const target = `docker://${this.host}/${repository}:${tag}`;
    const from = `oci:${layout.dir}:${tag}`;
    return [...this.#inside, 'skopeo', ...fixed, ...credentials, ...options, from, target];
  }

  /** What `rkt` calls an image of it. */
  url(reference: string): string {
    return `docker://${this.host}/${reference}`;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Reads the log until it names the address. The log is a file, not a pipe: who runs skopeo or rkt synchronously cannot empty
 * a pipe meanwhile, and the registry would wait for that.
 */
function listeningOn(child: ChildProcess, log: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const watcher = watch(log);
    const over = (finish: () => void): void => {
      watcher.close();
      finish();
    };
    const look = (): void => {
      const address = /listening on (127\.0\.0\.1:[0-9]+)/.exec(readFileSync(log, 'utf8'))?.[1];
      if (address !== undefined) over(() => resolve(address));
    };
    watcher.on('change', look);
    child.once('error', (error) => over(() => reject(error)));
    child.once('exit', () =>
      over(() => reject(new Error(`docker-registry did not start: ${readFileSync(log, 'utf8')}`))),
    );
    look();
  });
}
