import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createKey } from '../../../metadata-service/identity.ts';
import { openStore, type StoredState } from '../../../metadata-service/store.ts';
import { type Log, quiet } from '../../../runtime/base/log.ts';
import { recordOf, uuidOf } from './fixtures.ts';

let root: string;
let dir: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'rkt-store-'));
  dir = join(root, 'data', 'metadata-service');
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

/** Opens, does something, closes; the state is what there was before. */
async function withStore(
  use: (store: Awaited<ReturnType<typeof openStore>>['store'], state: StoredState) => Promise<void> = async () => {},
  log: Log = quiet,
): Promise<StoredState> {
  const { store, state } = await openStore(dir, log);
  await use(store, state);
  await store.close();
  return state;
}

const secrets = ({ keys }: StoredState) => keys.map(({ version, secret }) => `${version} ${secret.toString('hex')}`);

describe('openStore', () => {
  test('makes a database for root only, with a first key, and finds the same key again', async () => {
    const first = await withStore();
    expect(statSync(dir).mode & 0o777).toBe(0o700);
    expect(first.keys).toMatchObject([{ version: 1 }]);
    expect(first.keys[0]?.secret).toHaveLength(64);
    expect(first.pods).toEqual([]);
    expect(secrets(await withStore())).toEqual(secrets(first));
    expect(existsSync(`${dir}.new`)).toBe(false);
  });

  test('takes the place of an unfinished one, and of an empty directory', async () => {
    mkdirSync(dir, { recursive: true });
    mkdirSync(`${dir}.new`);
    writeFileSync(join(`${dir}.new`, 'CURRENT'), 'half');
    expect((await withStore()).keys).toHaveLength(1);
  });

  test('keeps registrations and rotated keys', async () => {
    const first = await withStore(async (store, { keys }) => {
      await Promise.all([store.putPod(recordOf(1)), store.putPod(recordOf(2)), store.putPod(recordOf(3))]);
      await store.deletePod(uuidOf(2));
      await store.putKeys([...keys, createKey(keys)]);
    });
    const second = await withStore();
    expect(second.pods).toEqual([recordOf(1), recordOf(3)]);
    expect(second.keys.map(({ version }) => version)).toEqual([1, 2]);
    expect(secrets(second)[0]).toBe(secrets(first)[0]);
  });

  test('says that another process has it', async () => {
    await withStore(async () => {
      await expect(openStore(dir, quiet)).rejects.toMatchObject({
        code: 'EMETADATADB',
        message: `cannot start the metadata service: its database in ${dir} is in use by another process`,
        hint: 'stop the metadata service that is running already',
      });
    });
  });

  test('says that it cannot be made', async () => {
    writeFileSync(join(root, 'data'), '');
    await expect(openStore(dir, quiet)).rejects.toMatchObject({
      code: 'EMETADATADB',
      message: expect.stringContaining(`its database in ${dir} cannot be`),
    });
  });

  test('drops a registration that cannot be read, with a warning', async () => {
    await withStore(async (store) => {
      await store.putPod(recordOf(1));
    });
    const { Level } = await import('level');
    const db = new Level(dir);
    await db.put(`pod/${uuidOf(2)}`, '{"half');
    await db.close();
    const warnings: string[] = [];
    const state = await withStore(undefined, { ...quiet, warn: (line) => warnings.push(line) });
    expect(state.pods).toEqual([recordOf(1)]);
    expect(warnings).toEqual([`the registration of pod ${uuidOf(2)} is damaged and was dropped`]);
  });
});

describe('after damage', () => {
  const lost = 'is damaged and cannot be repaired: the signing keys are missing';

  test('a database without keys is refused again and again, never given a new key', async () => {
    await withStore();
    for (const file of readdirSync(dir)) if (file.endsWith('.ldb')) rmSync(join(dir, file));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      await expect(openStore(dir, quiet)).rejects.toMatchObject({
        code: 'EMETADATADB',
        message: `cannot start the metadata service: its database in ${dir} ${lost}`,
        hint: `restore ${dir} from a backup, or remove it: then signatures made so far do not verify any more`,
      });
    }
  });

  test('a lost pointer file is repaired, with a warning', async () => {
    const before = await withStore((store) => store.putPod(recordOf(1)));
    truncateSync(join(dir, 'CURRENT'), 0);
    const warnings: string[] = [];
    const after = await withStore(undefined, { ...quiet, warn: (line) => warnings.push(line) });
    expect(secrets(after)).toEqual(secrets(before));
    expect(after.pods).toEqual([recordOf(1)]);
    expect(warnings).toEqual([expect.stringMatching(/database in .* is damaged \(.*CURRENT.*\); repairing it$/)]);
  });

  test('whichever file is missing or cut short: the same keys, or a refusal', async () => {
    await withStore(async (store, { keys }) => {
      await store.putKeys([...keys, createKey(keys)]);
      await store.putPod(recordOf(1));
    });
    const intact = join(root, 'intact');
    cpSync(dir, intact, { recursive: true });
    const expected = secrets(await withStore());
    const outcomes = new Set<string>();
    for (const file of readdirSync(intact)) {
      const size = statSync(join(intact, file)).size;
      for (const length of [undefined, 0, size >> 2, size >> 1, size - 1]) {
        rmSync(dir, { recursive: true });
        cpSync(intact, dir, { recursive: true });
        if (length === undefined) rmSync(join(dir, file));
        else truncateSync(join(dir, file), Math.max(0, length));
        outcomes.add(await outcome(expected));
      }
    }
    expect(Array.from(outcomes).sort()).toEqual(['EMETADATADB', 'same keys']);
  });

  async function outcome(expected: string[]): Promise<string> {
    try {
      const keys = secrets(await withStore());
      return keys.join() === expected.join() ? 'same keys' : 'other keys';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }
});
