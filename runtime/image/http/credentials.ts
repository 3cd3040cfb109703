/** Credentials of `auth.d` (docs/configuration.md), kinds `auth` and `dockerAuth`. */

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { basicAuthorization } from './basic.ts';

export interface UserPassword {
  readonly user: string;
  readonly password: string;
}

export interface Credentials {
  /** Value of the Authorization header for a host (`name` or `name:port`, as in URL.host), from kind `auth`. */
  authorization(host: string): string | undefined;
  /** User and password for a registry host, from kind `dockerAuth`. */
  registry(host: string): UserPassword | undefined;
}

/** What one file says. */
interface Entry {
  readonly kind: 'auth' | 'dockerAuth';
  readonly hosts: readonly string[];
  /** Header for `auth`. */
  readonly header: string | undefined;
  /** For `dockerAuth`. */
  readonly account: UserPassword | undefined;
}

class AuthFile {
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
  }

  fail(reason: string, cause?: unknown): never {
    throw new RktError(`configuration file ${this.#file}: ${reason}`, {
      code: 'ECONFIG',
      ...(cause === undefined ? {} : { cause }),
    });
  }

  read(): Entry {
    const fields = this.#object(this.#parse(), 'the file');
    const { rktKind: kind, rktVersion: version } = fields;
    if (kind !== 'auth' && kind !== 'dockerAuth') {
      this.fail(`rktKind must be "auth" or "dockerAuth", is ${JSON.stringify(kind)}`);
    }
    if (version !== 'v1') this.fail(`rktVersion must be "v1", is ${JSON.stringify(version)}`);
    const hosts = this.#hosts(fields, kind === 'auth' ? 'domains' : 'registries');
    const credentials = this.#object(fields.credentials, 'credentials');
    if (kind === 'dockerAuth') return { kind, hosts, header: undefined, account: this.#account(credentials) };
    return { kind, hosts, header: this.#header(fields.type, credentials), account: undefined };
  }

  #parse(): unknown {
    try {
      return JSON.parse(readFileSync(this.#file, 'utf8'));
    } catch (cause) {
      // The parser's own message quotes what it found, which may be a password.
      if (cause instanceof SyntaxError) return this.fail('it is not JSON');
      return this.fail(messageOf(cause), cause);
    }
  }

  #object(value: unknown, field: string): Record<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) this.fail(`${field} must be an object`);
    return value as Record<string, unknown>;
  }

  #text(fields: Record<string, unknown>, name: string): string {
    const value = fields[name];
    if (typeof value !== 'string' || value === '') this.fail(`credentials.${name} must be a text that is not empty`);
    return value as string;
  }

  #account(credentials: Record<string, unknown>): UserPassword {
    return { user: this.#text(credentials, 'user'), password: this.#text(credentials, 'password') };
  }

  #header(type: unknown, credentials: Record<string, unknown>): string {
    if (type === 'oauth') return `Bearer ${this.#token(credentials)}`;
    if (type !== 'basic') return this.fail(`type must be "basic" or "oauth", is ${JSON.stringify(type)}`);
    const { user, password } = this.#account(credentials);
    if (user.includes(':')) this.fail('credentials.user must not have a ":"');
    return basicAuthorization(user, password);
  }

  /** It ends up in a header line as it is, and must not end that line. Users and passwords (some are JSON) are encoded. */
  #token(credentials: Record<string, unknown>): string {
    const token = this.#text(credentials, 'token');
    for (const character of token) {
      if (character < ' ' || character === '\x7f') this.fail('credentials.token must not have control characters');
    }
    return token;
  }

  #hosts(fields: Record<string, unknown>, name: string): string[] {
    const list = fields[name];
    if (!Array.isArray(list) || list.length === 0)
      return this.fail(`${name} must be a list of hosts that is not empty`);
    return list.map((host, index) => {
      const known = typeof host === 'string' ? canonicalHost(host) : undefined;
      return known ?? this.fail(`${name}[${index}] must be a host, with or without a port, is ${JSON.stringify(host)}`);
    });
  }
}

/** `Example.COM:443` is `example.com`, as in the host of a URL; undefined for what is no host. */
function canonicalHost(text: string): string | undefined {
  if (!/^(\[[0-9A-Fa-f:.]+\]|[^\s/@:?#[\]]+)(:[0-9]+)?$/.test(text) || !URL.canParse(`https://${text}`))
    return undefined;
  return new URL(`https://${text}`).host;
}

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => `${directory}/${name}`);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return [];
    throw new RktError(`reading configuration: ${messageOf(cause)}`, { code: 'ECONFIG', cause });
  }
}

/** Passwords that everybody on the machine can read are probably not meant to be. */
function warnOfReaders(file: string, log: Log): void {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o077) === 0) return;
  const octal = (mode & 0o777).toString(8).padStart(4, '0');
  log.warn(`${file} holds credentials, but others than its owner can get at it (mode ${octal}); chmod 600 is better`);
}

/**
 * Reads `auth.d/*.json` below each of the configuration directories, least specific first (system, local, user). Errors:
 * ECONFIG naming file and field, also where one directory names a host twice. Warns of files that others can read.
 */
export function readCredentials(configDirs: readonly string[], log: Log): Credentials {
  const headers = new Map<string, string>();
  const accounts = new Map<string, UserPassword>();
  for (const directory of configDirs) {
    const owners = new Map<string, string>();
    for (const file of filesOf(`${directory}/auth.d`)) {
      const source = new AuthFile(file);
      const { kind, hosts, header, account } = source.read();
      warnOfReaders(file, log);
      for (const host of hosts) {
        const owner = owners.get(`${kind} ${host}`);
        if (owner !== undefined) source.fail(`${host} is in ${owner} already`);
        owners.set(`${kind} ${host}`, file);
        if (header !== undefined) headers.set(host, header);
        if (account !== undefined) accounts.set(host, account);
      }
    }
  }
  return {
    authorization: (host) => headers.get(host),
    registry: (host) => accounts.get(canonicalHost(host) ?? host),
  };
}
