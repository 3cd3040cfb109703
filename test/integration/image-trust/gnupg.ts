/** Keys and signatures by the real GnuPG, in a home of its own. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** `20240101T000000`: what GnuPG takes for a point in time. */
export type GnuPgTime = string;

export interface SignOptions {
  /** Fingerprints, with `!` to mean exactly this subkey. */
  readonly by: readonly string[];
  readonly at?: GnuPgTime;
  /** Default: a detached, armored signature. */
  readonly how?: readonly string[];
}

export class GnuPg {
  /** Short, because the sockets of its agent live in it. */
  readonly home = mkdtempSync('/tmp/rkt-gpg-');
  #files = 0;

  /** Runs gpg; its standard output. */
  run(args: readonly string[], { at, input }: { at?: GnuPgTime; input?: string | Uint8Array } = {}): Buffer {
    const time = at === undefined ? [] : ['--faked-system-time', `${at}!`];
    const fixed = ['--homedir', this.home, '--batch', '--yes', '--no-tty', '--quiet', '--pinentry-mode', 'loopback'];
    return execFileSync('gpg', [...fixed, '--passphrase', '', ...time, ...args], {
      input: input ?? '',
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 << 20,
    });
  }

  /** Makes a key that signs; its fingerprint as rkt names files by it. `expire` as GnuPG takes it: `never`, `10d`. */
  generate(
    user: string,
    { algorithm = 'ed25519', usage = 'sign', expire = 'never', at = '20240101T000000' } = {},
  ): string {
    this.run(['--quick-generate-key', user, algorithm, usage, expire], { at });
    return this.#fingerprints(user)[0] as string;
  }

  /** Adds a subkey; its fingerprint. */
  addSubkey(
    key: string,
    { algorithm = 'ed25519', usage = 'sign', expire = 'never', at = '20240102T000000' } = {},
  ): string {
    this.run(['--quick-add-key', key.toUpperCase(), algorithm, usage, expire], { at });
    return this.#fingerprints(key).at(-1) as string;
  }

  #fingerprints(name: string): string[] {
    const listing = this.run(['--with-colons', '--with-subkey-fingerprint', '--list-keys', name]).toString();
    return [...listing.matchAll(/^fpr:+([0-9A-F]+):/gm)].map(([, fingerprint]) =>
      (fingerprint as string).toLowerCase(),
    );
  }

  /** Public keys, armored. */
  export(...keys: string[]): string {
    return this.run(['--armor', '--export', ...keys]).toString();
  }

  exportBinary(...keys: string[]): Buffer {
    return this.run(['--export', ...keys]);
  }

  exportSecret(key: string): string {
    return this.run(['--armor', '--export-secret-keys', key]).toString();
  }

  sign(
    content: string | Uint8Array,
    { by, at = '20240201T000000', how = ['--armor', '--detach-sign'] }: SignOptions,
  ): Buffer {
    const signers = by.flatMap((key) => ['--local-user', key]);
    return this.run([...signers, ...how], { at, input: content });
  }

  /** Signs a file without reading it here. */
  signFile(path: string, by: string, at = '20240201T000000'): Buffer {
    return this.run(['--local-user', by, '--armor', '--output', '-', '--detach-sign', path], { at });
  }

  /** Takes the revocation certificate that GnuPG writes for every key (no reason stated). */
  revoke(key: string): void {
    const certificate = readFileSync(join(this.home, 'openpgp-revocs.d', `${key.toUpperCase()}.rev`), 'utf8');
    this.run(['--import'], { input: certificate.replace(/^:-----BEGIN/m, '-----BEGIN') });
  }

  /** Revokes one subkey, or the key itself, by the edit menu; `reason` as the menu numbers them (3: no longer used). */
  edit(key: string, commands: readonly string[], at: GnuPgTime): void {
    this.run(['--no-batch', '--expert', '--command-fd', '0', '--edit-key', key], {
      at,
      input: `${commands.join('\n')}\n`,
    });
  }

  setExpiry(key: string, expire: string, at: GnuPgTime): void {
    this.run(['--quick-set-expire', key.toUpperCase(), expire], { at });
  }

  /** A file in the home with this content. */
  file(content: string | Uint8Array): string {
    const path = join(this.home, `file-${this.#files++}`);
    writeFileSync(path, content);
    return path;
  }

  /** Ends the agent and removes everything. */
  close(): void {
    execFileSync('gpgconf', ['--homedir', this.home, '--kill', 'all']);
    rmSync(this.home, { recursive: true, force: true });
  }
}
