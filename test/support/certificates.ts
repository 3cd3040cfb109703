/** A certificate authority of the suite's own, made by openssl. */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Certificate {
  readonly key: Buffer;
  readonly cert: Buffer;
}

function openssl(dir: string, ...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: ['ignore', 'pipe', 'pipe'] });
}

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority {
  readonly #dir: string;
  #issued = 0;

  /** Makes key and certificate in a directory that exists. */
  constructor(dir: string) {
    this.#dir = dir;
    openssl(
      dir,
      'req',
      '-x509',
      ...newKey,
      '-keyout',
      'ca.key',
      '-out',
      'ca.pem',
      '-days',
      '2',
      '-subj',
      '/CN=rkt test CA',
    );
  }

  /** The file that makes others trust it. */
  get file(): string {
    return join(this.#dir, 'ca.pem');
  }

  /** A certificate for host names and addresses. `days` may be negative: then it has expired. */
  issue(names: readonly string[], days = 2): Certificate {
    const name = `host-${this.#issued++}`;
    const [key, csr, cert, extensions] = ['key', 'csr', 'pem', 'ext'].map((suffix) => `${name}.${suffix}`) as [
      string,
      string,
      string,
      string,
    ];
    const alternatives = names.map((host) => `${/^[0-9.]+$/.test(host) ? 'IP' : 'DNS'}:${host}`).join(',');
    writeFileSync(join(this.#dir, extensions), `subjectAltName=${alternatives}\n`);
    openssl(this.#dir, 'req', ...newKey, '-keyout', key, '-out', csr, '-subj', `/CN=${names[0]}`);
    const validity = ['-days', String(days)];
    openssl(
      this.#dir,
      'x509',
      '-req',
      '-in',
      csr,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key',
      '-CAcreateserial',
      '-out',
      cert,
      '-extfile',
      extensions,
      ...validity,
    );
    return { key: readFileSync(join(this.#dir, key)), cert: readFileSync(join(this.#dir, cert)) };
  }
}
