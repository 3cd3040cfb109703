/** The keys that are trusted, on disk as rkt 1.x keeps them (rkt, pkg/keystore; docs/signing.md). */

import type { Key } from 'openpgp';
import type { Log } from '../../base/log.ts';
import { keyError } from './errors.ts';
import { trustHint } from './hint.ts';
import { dirDistrust, keyDir, readKeyDir } from './key-dir.ts';
import { type KeyEntry, type KeyFile, readKeyFile } from './key-file.ts';
import { removeKey, writeKey } from './key-writer.ts';
import { mergeKeys } from './keys.ts';
import { checkPrefix, prefixesOf } from './prefix.ts';
import { quoted } from './text.ts';

export interface KeyStoreOptions {
  /** `--system-config`: keys of the distribution are below `<dir>/trustedkeys`, and never written. */
  readonly systemConfig: string;
  /** `--local-config`: keys of the administrator are below `<dir>/trustedkeys`. */
  readonly localConfig: string;
  readonly log: Log;
}

export class KeyStore {
  readonly #system: string;
  readonly #local: string;
  readonly #log: Log;
  readonly #warned = new Set<string>();

  /** Reads nothing yet. */
  constructor({ systemConfig, localConfig, log }: KeyStoreOptions) {
    this.#system = `${systemConfig}/trustedkeys`;
    this.#local = `${localConfig}/trustedkeys`;
    this.#log = log;
  }

  /**
   * The keys that may vouch for an image of this name: root keys, and those of its prefixes. Later files go over earlier ones
   * of the same name, in rkt's order: system root, local root, system prefixes from short to long, local prefixes. An empty
   * file takes the key away, and so does one that cannot be believed, with a warning: what it replaced may be revoked by now.
   */
  async trustedFor(name: string): Promise<Key[]> {
    const copies = new Map<string, [Key, ...Key[]]>();
    const prefixes = prefixesOf(name);
    for (const places of [[undefined], prefixes]) {
      for (const origin of ['system', 'local'] as const) {
        for (const prefix of places) {
          for (const entry of await this.#entriesAt(origin, prefix)) {
            const { fingerprint } = entry;
            if (entry.state === 'key') copies.set(fingerprint, [entry.key, ...(copies.get(fingerprint) ?? [])]);
            else copies.delete(fingerprint);
            this.#warnOf(entry);
          }
        }
      }
    }
    return Promise.all([...copies.values()].map(mergeKeys));
  }

  /** Whether anybody has decided about an image of this name: there is a key for one of its prefixes, be it a disabled one. */
  async knows(name: string): Promise<boolean> {
    for (const prefix of prefixesOf(name)) {
      for (const origin of ['system', 'local'] as const) {
        if ((await this.#entriesAt(origin, prefix)).length > 0) return true;
      }
    }
    return false;
  }

  /** Every file of the store: root keys first, then by prefix; system before local. */
  async entries(): Promise<KeyEntry[]> {
    const prefixes = new Set<string>([...this.#prefixesBelow(this.#system), ...this.#prefixesBelow(this.#local)]);
    const entries: KeyEntry[] = [];
    for (const prefix of [undefined, ...[...prefixes].sort()]) {
      entries.push(...(await this.#entriesAt('system', prefix)), ...(await this.#entriesAt('local', prefix)));
    }
    return entries;
  }

  /**
   * Trusts a key for a prefix, or for every image (undefined). Returns the path of its file. What an earlier file of the key
   * knew of revocations is kept. Errors: EKEY for a prefix that cannot be, or a directory that others can write or rkt cannot.
   */
  async add(prefix: string | undefined, key: Key): Promise<string> {
    if (prefix !== undefined) checkPrefix(prefix);
    const reason = dirDistrust(this.#local, prefix);
    if (reason !== undefined) {
      throw keyError(`keys are not trusted in ${reason}`, 'make it belong to root, writable by nobody else');
    }
    const fingerprint = key.getFingerprint();
    const dir = keyDir(this.#local, prefix);
    const present = await readKeyFile(`${dir}/${fingerprint}`, fingerprint);
    const merged = present.state === 'key' ? await mergeKeys([present.key, key]) : key;
    return writeKey(dir, fingerprint, merged.armor());
  }

  /**
   * Ends the trust in a key for a prefix, or in a root key. A local file is removed; a key of the system directory is disabled by
   * an empty local file. Returns the path of what was removed or written. Errors: EKEY, also where the key is not trusted there.
   */
  async remove(prefix: string | undefined, fingerprint: string): Promise<{ path: string; masked: boolean }> {
    const at = (origin: 'system' | 'local'): Promise<KeyEntry[]> => this.#entriesAt(origin, prefix);
    const found = (entries: readonly KeyEntry[]): KeyEntry | undefined =>
      entries.find((entry) => entry.fingerprint === fingerprint);
    const [system, local] = [found(await at('system')), found(await at('local'))];
    if ((local === undefined && system === undefined) || local?.state === 'mask') {
      throw keyError(
        `key ${fingerprint} is not trusted ${prefix === undefined ? 'as a root key' : `for prefix ${quoted(prefix)}`}`,
      );
    }
    const dir = keyDir(this.#local, prefix);
    if (system === undefined || system.state === 'mask') return { path: removeKey(dir, fingerprint), masked: false };
    return { path: writeKey(dir, fingerprint, ''), masked: true };
  }

  /** What would let the keys `missing` (fingerprints or key ids) judge images of this name: one line. */
  async hintFor(name: string, missing: readonly string[]): Promise<string> {
    return trustHint(name, missing, await this.entries());
  }

  async #entriesAt(origin: 'system' | 'local', prefix: string | undefined): Promise<KeyEntry[]> {
    const base = origin === 'system' ? this.#system : this.#local;
    const dir = keyDir(base, prefix);
    const { fingerprints, strange } = readKeyDir(dir);
    for (const name of strange) this.#log.debug(`${dir}/${name} is not named by a fingerprint and was ignored`);
    const reason = fingerprints.length === 0 ? undefined : dirDistrust(base, prefix);
    return Promise.all(
      fingerprints.map(async (fingerprint) => {
        const path = `${dir}/${fingerprint}`;
        const file: KeyFile =
          reason === undefined ? await readKeyFile(path, fingerprint) : { state: 'refused', reason };
        return { ...file, origin, prefix, fingerprint, path };
      }),
    );
  }

  #prefixesBelow(base: string): string[] {
    const below = (prefix: string): string[] => [
      prefix,
      ...readKeyDir(keyDir(base, prefix)).dirs.flatMap((name) => below(`${prefix}/${name}`)),
    ];
    return readKeyDir(`${base}/prefix.d`).dirs.flatMap(below);
  }

  #warnOf(entry: KeyEntry): void {
    if (entry.state !== 'refused' || this.#warned.has(entry.path)) return;
    this.#warned.add(entry.path);
    this.#log.warn(`trusted key ${entry.path} is not used: ${entry.reason}`);
  }
}
