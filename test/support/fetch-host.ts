/** A host that fetches images, a publisher of images on a TLS server beside it, and keys by GnuPG. */

import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ImageSpec, makeImage } from '../../deploy/demo/images.ts';
import { GnuPg } from '../integration/image-trust/gnupg.ts';
import { Authority } from './certificates.ts';
import { type RunOptions, Sandbox } from './sandbox.ts';
import { WebServer } from './web-server.ts';

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `rkt` prints of a download, with the amounts taken out. */
export const bar = 'Downloading aci: [=============================================] SIZE/SIZE';

export class FetchHost {
  readonly sandbox: Sandbox;
  readonly gpg: GnuPg;
  /** https on port 443 and http on port 80 of the sandbox's loopback; every host name of {@link create} leads there. */
  readonly web: WebServer;
  readonly plain: WebServer;
  readonly environment: Readonly<Record<string, string>>;

  private constructor(sandbox: Sandbox, gpg: GnuPg, web: WebServer, plain: WebServer, authority: Authority) {
    this.sandbox = sandbox;
    this.gpg = gpg;
    this.web = web;
    this.plain = plain;
    this.environment = { SSL_CERT_FILE: authority.file };
  }

  static async create(...hosts: string[]): Promise<FetchHost> {
    const sandbox = await Sandbox.create();
    const names = join(sandbox.dir, 'hosts');
    writeFileSync(names, `127.0.0.1 localhost ${hosts.join(' ')}\n`);
    sandbox.exec(['mount', '--bind', names, '/etc/hosts']);
    const authority = new Authority(sandbox.dir);
    const { netns } = sandbox;
    const web = await WebServer.start({ certificate: authority.issue(hosts), netns, port: 443 });
    const plain = await WebServer.start({ netns, port: 80 });
    return new FetchHost(sandbox, new GnuPg(), web, plain, authority);
  }

  path(name: string): string {
    return join(this.sandbox.dir, name);
  }

  /** Starts rkt; not by {@link Sandbox.rkt}, which would hold up the servers: they are in this process. */
  async rkt(args: readonly string[], { env = {} }: Pick<RunOptions, 'env'> = {}): Promise<Outcome> {
    const config = [`--local-config=${this.path('etc')}`, `--system-config=${this.path('usr')}`];
    const running = this.sandbox.start([...config, ...args], { ...this.environment, ...env });
    running.child.stdin?.end();
    const { status } = await running.ended;
    // Sizes of images differ from machine to machine.
    const stderr = running.stderr.replaceAll(/(aci: \[=+\]) [0-9.]+ [KM]B\/[0-9.]+ [KM]B/g, '$1 SIZE/SIZE');
    return { status, stdout: running.stdout, stderr };
  }

  /** Trusts a key for a prefix. */
  async trust(prefix: string, key: string): Promise<void> {
    const file = this.gpg.file(this.gpg.export(key));
    const { status, stderr } = await this.rkt(['trust', '--skip-fingerprint-review', '--prefix', prefix, file]);
    if (status !== 0) throw new Error(stderr);
  }

  /** The bytes of an image of busybox. */
  async image(spec: Omit<ImageSpec, 'output'>, more: Readonly<Record<string, unknown>> = {}): Promise<Buffer> {
    const output = this.path('made.aci');
    await makeImage({ ...spec, output });
    if (Object.keys(more).length === 0) return readFileSync(output);
    const { exec } = this.sandbox;
    const run = exec.bind(this.sandbox);
    run(['sh', '-c', 'rm -rf made && mkdir made && tar -xzf made.aci -C made']);
    const manifest = join(this.path('made'), 'manifest');
    writeFileSync(manifest, JSON.stringify({ ...JSON.parse(readFileSync(manifest, 'utf8')), ...more }));
    run(['sh', '-c', 'tar -czf made.aci -C made manifest rootfs']);
    return readFileSync(output);
  }

  /** What the store holds: full ids of its images, and how many blobs, trees and signatures there are. */
  stored(): { ids: string[]; parts: Readonly<Record<string, number>>; unfinished: string[] } {
    const list = (name: string): string[] => {
      try {
        return readdirSync(join(this.sandbox.dataDir, 'images', name));
      } catch {
        return [];
      }
    };
    const parts = Object.fromEntries(['blobs', 'trees', 'signatures'].map((name) => [name, list(name).length]));
    return { ids: list('info').sort(), parts, unfinished: list('tmp') };
  }

  /** Forgets images and trusted keys. */
  reset(): void {
    this.sandbox.exec(['rm', '-rf', this.path('etc'), this.path('usr'), this.sandbox.dataDir]);
    for (const server of [this.web, this.plain]) {
      server.take();
      server.forget();
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.web.close(), this.plain.close()]);
    this.gpg.close();
    await this.sandbox.destroy();
  }
}
