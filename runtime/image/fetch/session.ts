/** What the fetches of one command share: connections, credentials and trusted keys, each made when first needed. */

import type { Log } from '../../base/log.ts';
import { type Credentials, readCredentials } from '../http/credentials.ts';
import type { HttpClient } from '../http/types.ts';
import { logBeside } from '../progress.ts';
import type { ImageStore } from '../store.ts';
import type { KeyStore } from '../trust/key-store.ts';
import { configDirs, type FetchSettings } from './settings.ts';

export class FetchSession {
  readonly store: ImageStore;
  readonly settings: FetchSettings;
  /** Lines do not run into the progress bars. */
  readonly log: Log;
  /** Ids of the images that this command has brought in, and judged on the way. */
  readonly judged = new Set<string>();
  #client: Promise<HttpClient> | undefined;
  #keyClient: Promise<HttpClient> | undefined;
  #keys: Promise<KeyStore> | undefined;
  #credentials: Credentials | undefined;

  constructor(store: ImageStore, settings: FetchSettings) {
    this.store = store;
    this.settings = settings;
    this.log = logBeside(settings.log, settings.progress);
  }

  /** Whether the user switched signature verification off. */
  get skipVerify(): boolean {
    return this.settings.insecure.has('image');
  }

  get allowHttp(): boolean {
    return this.settings.insecure.has('http');
  }

  /** What `auth.d` says. Errors: ECONFIG. */
  get credentials(): Credentials {
    this.#credentials ??= readCredentials(configDirs(this.settings), this.log);
    return this.#credentials;
  }

  /** Whether keys may be found and fetched in clear text. */
  get keysByHttp(): boolean {
    return this.allowHttp && this.settings.insecure.has('pubkey');
  }

  client(): Promise<HttpClient> {
    this.#client ??= this.#openClient();
    return this.#client;
  }

  /** For keys that are trusted because of where they come from: what is switched off for images is not for them, without `pubkey`. */
  keyClient(): Promise<HttpClient> {
    const { insecure } = this.settings;
    const isAlike = insecure.has('pubkey') || !(insecure.has('tls') || this.allowHttp);
    if (isAlike) return this.client();
    this.#keyClient ??= this.#open({ http: false, tls: false });
    return this.#keyClient;
  }

  keys(): Promise<KeyStore> {
    this.#keys ??= this.#openKeys();
    return this.#keys;
  }

  async close(): Promise<void> {
    await Promise.all([this.#client, this.#keyClient].map(async (client) => (await client)?.close()));
  }

  async #openClient(): Promise<HttpClient> {
    const { insecure } = this.settings;
    if (insecure.has('tls')) this.log.warn('TLS certificate verification has been disabled');
    if (this.allowHttp) this.log.warn('plain HTTP has been allowed');
    return await this.#open({ http: this.allowHttp, tls: insecure.has('tls') });
  }

  async #open(insecure: { readonly http: boolean; readonly tls: boolean }): Promise<HttpClient> {
    const { openHttpClient } = await import('../http/client.ts');
    return openHttpClient({ insecure, credentials: this.credentials, log: this.log });
  }

  async #openKeys(): Promise<KeyStore> {
    const { KeyStore } = await import('../trust/index.ts');
    const { systemConfig, localConfig } = this.settings;
    return new KeyStore({ systemConfig, localConfig, log: this.log });
  }
}
