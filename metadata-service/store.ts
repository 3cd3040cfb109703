/**
 * What survives a restart: the registrations and the signing keys, in a `level` database that only root can read.
 * Keys are one record, so that they are changed as a whole; a registration is one record under the pod's uuid.
 */

import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { ClassicLevel } from 'classic-level';
import { Level } from 'level';
import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { makeSharedDir } from '../runtime/base/shared-dirs.ts';
import { createKey, type SigningKey } from './identity.ts';
import type { PodRecord } from './pod.ts';
import { WriteQueue } from './write-queue.ts';

const keysRecord = 'keys';
const podPrefix = 'pod/';
/** The first string after all that begin with `podPrefix`. */
const podEnd = 'pod0';

/** Outside of browsers `Level` is this class; its own types name only what it has in common with the browser's. */
const LevelDb = Level as unknown as typeof ClassicLevel;
type Database = ClassicLevel<string, string>;

export interface StoredState {
  keys: SigningKey[];
  pods: PodRecord[];
}

export class Store {
  readonly #db: Database;
  readonly #queue: WriteQueue;

  constructor(db: Database) {
    this.#db = db;
    this.#queue = new WriteQueue((operations) => db.batch(operations, { sync: true }));
  }

  /** Resolves when the registration is on disk. */
  putPod(record: PodRecord): Promise<void> {
    return this.#queue.write({ type: 'put', key: podPrefix + record.uuid, value: JSON.stringify(record) });
  }

  deletePod(uuid: string): Promise<void> {
    return this.#queue.write({ type: 'del', key: podPrefix + uuid });
  }

  /**
   * Replaces the keys. They are then moved into a table file: a table that is missing or cut short is noticed when the
   * database is opened, while a log that lost its end would silently bring back the keys of before.
   */
  async putKeys(keys: readonly SigningKey[]): Promise<void> {
    await this.#queue.write({ type: 'put', key: keysRecord, value: encodeKeys(keys) });
    await this.#db.compactRange(keysRecord, `${keysRecord}~`);
  }

  async close(): Promise<void> {
    await this.#queue.idle();
    await this.#db.close();
  }
}

/**
 * Opens the database in `dir`, or makes it, with a first key, where there is none. Throws EMETADATADB with one sentence
 * where it is in use, damaged beyond repair, or has lost its keys: then no new key is made, because signatures that were
 * handed out would silently stop to verify.
 */
export async function openStore(dir: string, log: Log): Promise<{ store: Store; state: StoredState }> {
  if (!(await exists(dir))) await createDatabase(dir);
  const { db, state } = await openRepaired(dir, log);
  return { store: new Store(db), state };
}

async function exists(dir: string): Promise<boolean> {
  try {
    return (await readdir(dir)).length > 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw storeError(dir, `cannot be read: ${messageOf(error)}`, undefined, error);
  }
}

/** The database appears under its name only with a key in it, so that one without a key is known to be damaged. */
async function createDatabase(dir: string): Promise<void> {
  const unfinished = `${dir}.new`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    makeSharedDir(dirname(dir), dirname(dir));
    await mkdir(unfinished, { mode: 0o700 });
    const db: Database = new LevelDb(unfinished);
    await db.open();
    const store = new Store(db);
    await store.putKeys([createKey([])]);
    await store.close();
    await rename(unfinished, dir);
    await syncDirectory(dirname(dir));
  } catch (error) {
    throw storeError(dir, `cannot be made: ${messageOf(error)}`, undefined, error);
  }
}

async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function openRepaired(dir: string, log: Log): Promise<{ db: Database; state: StoredState }> {
  try {
    return await openDatabase(dir, log);
  } catch (error) {
    if (isLocked(error)) {
      throw storeError(dir, 'is in use by another process', 'stop the metadata service that is running already', error);
    }
    log.warn(`the metadata service's database in ${dir} is damaged (${reasonOf(error)}); repairing it`);
  }
  try {
    await LevelDb.repair(dir);
    return await openDatabase(dir, log);
  } catch (error) {
    throw storeError(
      dir,
      `is damaged and cannot be repaired: ${reasonOf(error)}`,
      `restore ${dir} from a backup, or remove it: then signatures made so far do not verify any more`,
      error,
    );
  }
}

async function openDatabase(dir: string, log: Log): Promise<{ db: Database; state: StoredState }> {
  const db: Database = new LevelDb(dir, { createIfMissing: false });
  try {
    await db.open();
    return { db, state: { keys: decodeKeys(await db.get(keysRecord)), pods: await readPods(db, log) } };
  } catch (error) {
    await db.close();
    throw error;
  }
}

async function readPods(db: Database, log: Log): Promise<PodRecord[]> {
  const pods: PodRecord[] = [];
  for await (const [key, value] of db.iterator({ gte: podPrefix, lt: podEnd })) {
    try {
      pods.push(JSON.parse(value));
    } catch {
      log.warn(`the registration of pod ${key.slice(podPrefix.length)} is damaged and was dropped`);
    }
  }
  return pods;
}

function encodeKeys(keys: readonly SigningKey[]): string {
  return JSON.stringify(keys.map(({ version, secret }) => ({ version, secret: secret.toString('base64') })));
}

function decodeKeys(text: string | undefined): SigningKey[] {
  if (text === undefined) throw new Error('the signing keys are missing');
  const keys: { version: number; secret: string }[] = JSON.parse(text);
  return keys.map(({ version, secret }) => ({ version, secret: Buffer.from(secret, 'base64') }));
}

function isLocked(error: unknown): boolean {
  return errnoOf((error as { cause?: unknown } | undefined)?.cause) === 'LEVEL_LOCKED';
}

/** abstract-level wraps what LevelDB said into "Database failed to open". */
function reasonOf(error: unknown): string {
  return messageOf((error as { cause?: unknown } | undefined)?.cause ?? error);
}

function storeError(dir: string, what: string, hint: string | undefined, cause: unknown): RktError {
  const options = { code: 'EMETADATADB', cause, ...(hint === undefined ? {} : { hint }) };
  return new RktError(`cannot start the metadata service: its database in ${dir} ${what}`, options);
}
