import { readSync } from 'node:fs';
import { isatty } from 'node:tty';
import { causesOf, errnoOf, isRktError, messageOf } from '../../runtime/base/errors.ts';
import { downloadBytes } from '../../runtime/image/http/download-bytes.ts';
import type { HttpClient } from '../../runtime/image/http/types.ts';
import type { KeyStore } from '../../runtime/image/trust/index.ts';
import { type Command, failureCode } from '../command.ts';
import type { Context } from '../context.ts';
import { getSwitch, getValue, type OptionValues, usageError } from '../options.ts';
import { table } from '../table.ts';

/** Loaded when the command runs: a bundle of its own. */
type TrustModule = typeof import('../../runtime/image/trust/index.ts');

interface Job {
  readonly context: Context;
  readonly values: OptionValues;
  readonly keystore: KeyStore;
  readonly trusting: TrustModule;
}

export const command: Command = {
  name: 'trust',
  summary: 'trust keys that sign images',
  usage: '(--prefix=PREFIX [LOCATION...] | --root LOCATION... | list | rm FINGERPRINT...)',
  description:
    'Adds public keys to those that may sign images whose names begin with PREFIX, after showing fingerprint and owner. A ' +
    'LOCATION is a file or an https URL; without one, the keys are found by meta discovery at PREFIX. "rkt trust list" shows ' +
    'the keys, "rkt trust rm" takes one away (a file named "list" is given as ./list).',
  maxArgs: Infinity,
  options: [
    { name: 'prefix', type: 'value', placeholder: 'PREFIX', description: 'images that the key is trusted for' },
    { name: 'root', type: 'switch', description: 'trust the key for every image' },
    { name: 'skip-fingerprint-review', type: 'switch', description: 'ask no question' },
    {
      name: 'insecure-allow-http',
      type: 'switch',
      description: 'find and fetch keys over plain HTTP too: anyone on the way can put in another key',
    },
    { name: 'no-legend', type: 'switch', description: 'for list: leave out the line of column names' },
  ],
  async run(context, { values, args }) {
    const trusting = await import('../../runtime/image/trust/index.ts');
    const { systemConfig, localConfig } = context.globals;
    const keystore = new trusting.KeyStore({ systemConfig, localConfig, log: context.log });
    const job: Job = { context, values, keystore, trusting };
    const [verb, ...rest] = args;
    if (verb === 'list') return list(job, rest);
    if (verb === 'rm') return remove(job, rest);
    return trust(job, args);
  },
};

async function list({ context, values, keystore, trusting }: Job, rest: readonly string[]): Promise<number> {
  if (rest.length > 0) throw usageError('rkt trust list takes no arguments');
  const prefix = getValue(values, 'prefix');
  const keys = (await trusting.listKeys(keystore)).filter((key) => prefix === undefined || key.prefix === prefix);
  const legend = ['PREFIX', 'FINGERPRINT', 'IDENTITY', 'STATE', 'ORIGIN'];
  const rows = keys.map((key) => {
    const { fingerprint, identities, state, origin } = key;
    return [key.prefix ?? '(every image)', fingerprint, identities[0] ?? '', state, origin];
  });
  context.out(table(getSwitch(values, 'no-legend') ? rows : [legend, ...rows]));
  return 0;
}

async function remove({ context, values, keystore, trusting }: Job, keys: readonly string[]): Promise<number> {
  if (keys.length === 0) throw usageError('rkt trust rm needs a fingerprint', 'see "rkt trust list"');
  const prefix = getValue(values, 'prefix');
  const isRoot = getSwitch(values, 'root');
  if (prefix !== undefined && isRoot) throw exclusive();
  const from = isRoot ? 'root' : prefix === undefined ? 'anywhere' : { prefix };
  for (const key of keys) context.out(`${await trusting.untrustKey({ keystore, key, from })}\n`);
  return 0;
}

const exclusive = (): Error => usageError('--root and --prefix usage mutually exclusive');

/** Images that keys are to be trusted for, and where the keys are; no locations: meta discovery. */
interface Scope {
  readonly prefix: string | undefined;
  readonly locations: readonly string[];
}

function scopesOf({ isDomain, checkPrefix }: TrustModule, values: OptionValues, args: readonly string[]): Scope[] {
  const prefix = getValue(values, 'prefix');
  const isRoot = getSwitch(values, 'root');
  if (prefix !== undefined && isRoot) throw exclusive();
  if (isRoot) {
    if (args.length === 0)
      throw usageError('--root needs the location of a key', 'for example: rkt trust --root ./pubkeys.gpg');
    return args.map((arg) =>
      isDomain(arg) ? { prefix: arg, locations: [] } : { prefix: undefined, locations: [arg] },
    );
  }
  if (prefix === undefined || prefix === '') {
    throw usageError(
      'rkt trust needs a prefix of image names',
      'for example: rkt trust --prefix example.com/app; a key for every image needs: rkt trust --root LOCATION',
    );
  }
  checkPrefix(prefix);
  return [{ prefix, locations: args }];
}

async function trust({ context, values, keystore, trusting }: Job, args: readonly string[]): Promise<number> {
  const scopes = scopesOf(trusting, values, args);
  const allowHttp = getSwitch(values, 'insecure-allow-http');
  const network = new Network(context, allowHttp);
  const download = (url: string, maxBytes: number): Promise<Uint8Array> => network.download(url, maxBytes);
  const skip = getSwitch(values, 'skip-fingerprint-review');
  const { trustKeysFromHttps, insecure } = context.globals;
  let refused = 0;
  try {
    for (const { prefix, locations } of scopes) {
      const found = locations.length > 0 ? locations : await discover(context, network, prefix as string);
      if (found === undefined) return failureCode;
      refused += await trusting.trustKeys({
        keystore,
        prefix,
        locations: found,
        read: (location) => trusting.readKeyLocation(location, { allowHttp, download }),
        withoutReview: (location) => skip || (trustKeysFromHttps && trusting.isProven(location, insecure)),
        ask: (question) => ask(context, question),
        show: (line) => context.err(`${line}\n`),
        report: (line) => context.out(`${line}\n`),
      });
    }
  } finally {
    await network.close();
  }
  return refused === 0 ? 0 : failureCode;
}

/** The line about a failure is rkt's own, without the program's name before it. */
async function discover(context: Context, network: Network, prefix: string): Promise<string[] | undefined> {
  try {
    return await network.discover(prefix);
  } catch (error) {
    context.err(`Error determining key location: --prefix meta discovery error: ${messageOf(error)}\n`);
    if (isRktError(error) && error.hint !== undefined) context.log.info(error.hint);
    for (const cause of causesOf(error).slice(1)) context.log.debug(`caused by: ${cause}`);
    return undefined;
  }
}

/** Loaded and opened when first used: a key from a file needs none of it. */
class Network {
  readonly #context: Context;
  readonly #allowHttp: boolean;
  #client: HttpClient | undefined;

  constructor(context: Context, allowHttp: boolean) {
    this.#context = context;
    this.#allowHttp = allowHttp;
  }

  async #open(): Promise<HttpClient> {
    if (this.#client !== undefined) return this.#client;
    const [{ openHttpClient }, { readCredentials }] = await Promise.all([
      import('../../runtime/image/http/client.ts'),
      import('../../runtime/image/http/credentials.ts'),
    ]);
    const { log, env, globals } = this.#context;
    const dirs = [globals.systemConfig, globals.localConfig, globals.userConfig].filter((dir) => dir !== undefined);
    const insecure = { http: this.#allowHttp, tls: globals.insecure.has('tls') };
    this.#client = openHttpClient({ insecure, credentials: readCredentials(dirs, log), log, env });
    return this.#client;
  }

  async discover(prefix: string): Promise<string[]> {
    const { discoverKeys } = await import('../../runtime/image/discovery/index.ts');
    const client = await this.#open();
    return await discoverKeys(prefix, { client, allowHttp: this.#allowHttp, log: this.#context.log });
  }

  async download(url: string, maxBytes: number): Promise<Uint8Array> {
    return await downloadBytes(await this.#open(), url, maxBytes);
  }

  async close(): Promise<void> {
    await this.#client?.close();
  }
}

const longestAnswer = 1024;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** Asks on stderr, where the review went, and reads one line of standard input; undefined at its end. */
function ask(context: Context, question: string): string | undefined {
  context.err(question);
  const byte = Buffer.alloc(1);
  let answer = '';
  while (answer.length < longestAnswer) {
    const read = readByte(byte);
    if (!read || byte[0] === 0x0a) {
      // A terminal has echoed the end of the line.
      if (!isatty(0)) context.err('\n');
      return read || answer !== '' ? answer : undefined;
    }
    answer += byte.toString('latin1');
  }
  return answer;
}

/** One at a time: what follows the line belongs to the next question. False at the end of input. */
function readByte(byte: Buffer): boolean {
  for (;;) {
    try {
      return readSync(0, byte) === 1;
    } catch (error) {
      const code = errnoOf(error);
      if (code === 'EOF' || code === 'EBADF') return false;
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(pause, 0, 0, 10);
    }
  }
}
