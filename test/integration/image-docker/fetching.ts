/** A store, and fetching into it as the command does, without the command. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRktError } from '../../../runtime/base/errors.ts';
import type { Log } from '../../../runtime/base/log.ts';
import { type DockerFetchOptions, fetchDockerImage } from '../../../runtime/image/docker/index.ts';
import { openHttpClient } from '../../../runtime/image/http/client.ts';
import { readCredentials } from '../../../runtime/image/http/credentials.ts';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import { noProgress } from '../../../runtime/image/progress.ts';
import { ImageStore } from '../../../runtime/image/store.ts';
import { rootfsOf } from '../../../runtime/image/tree-check.ts';
import { OciLayout } from '../../support/oci-layout.ts';

export class Workplace {
  readonly dir = mkdtempSync(join(tmpdir(), 'rkt-docker-test-'));
  readonly store = ImageStore.open(join(this.dir, 'data'));
  readonly layout = new OciLayout(join(this.dir, 'layout'));
  /** What was said on the way, in order. */
  readonly said: string[] = [];

  readonly #log: Log = {
    info: (message) => this.said.push(message),
    warn: (message) => this.said.push(`warning: ${message}`),
    debug: () => {},
    debugging: false,
  };

  /** Writes a configuration file, such as `auth.d/x.json`. */
  configure(path: string, fields: object): void {
    const file = join(this.dir, 'config', path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, JSON.stringify({ rktVersion: 'v1', ...fields }), { mode: 0o600 });
  }

  async fetch(url: string, options: Partial<DockerFetchOptions> = {}): Promise<ImageInfo> {
    const configDirs = [join(this.dir, 'config')];
    const credentials = readCredentials(configDirs, this.#log);
    const retries = { attempts: 2, delay: 1, maxDelay: 10 };
    const http = openHttpClient({
      insecure: { http: true, tls: false },
      credentials,
      log: this.#log,
      env: {},
      retries,
    });
    try {
      return await fetchDockerImage(url, {
        store: this.store,
        http,
        credentials,
        configDirs,
        skipVerify: true,
        allowHttp: true,
        log: this.#log,
        progress: { ...noProgress, line: (text) => this.said.push(text) },
        host: { os: 'linux', architecture: 'amd64', variants: ['', 'v1'] },
        ...options,
      });
    } finally {
      await http.close();
    }
  }

  /** The error of a fetch that must fail: `CODE: message`. */
  async refusal(url: string, options: Partial<DockerFetchOptions> = {}): Promise<string> {
    try {
      await this.fetch(url, options);
    } catch (error) {
      if (!isRktError(error)) throw error;
      return `${error.code}: ${error.message}`;
    }
    throw new Error('the fetch succeeded');
  }

  /** The tree of each layer, the lowest first. */
  trees(info: ImageInfo): string[] {
    return info.layers.map((id) => rootfsOf(this.store.treeDir(id))).toReversed();
  }

  /** Digests of the layers that were downloaded since the last call. */
  downloaded(): string[] {
    const lines = this.said.splice(0).filter((line) => line.startsWith('Downloading layer: '));
    return lines.map((line) => line.slice('Downloading layer: '.length));
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}
