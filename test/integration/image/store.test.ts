import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { isRktError } from '../../../runtime/base/errors.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { removeStale, Staging } from '../../../runtime/image/staging.ts';
import { ImageStore } from '../../../runtime/image/store.ts';
import { manifestOf, rootfs, Sandbox, type Spec, tarOf } from './archives.ts';

let box: Sandbox;
beforeEach(() => {
  box = new Sandbox();
});
afterEach(() => box[Symbol.dispose]());

const image = (name: string, members: object = {}, ...specs: Spec[]): Buffer =>
  tarOf([{ path: 'manifest', content: manifestOf(name, members) }, rootfs, ...specs]);

const version = (value: string, ...more: object[]) => ({ labels: [{ name: 'version', value }, ...more] });

function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isRktError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('resolution', () => {
  test('by id and by the beginning of one', async () => {
    const info = await box.importBytes(image('example.com/a'));
    expect(box.store.get(info.id)).toEqual(info);
    expect(box.store.resolve(info.id)).toEqual(info);
    expect(box.store.resolve(info.id.slice(0, 9))).toEqual(info);
    expect(errorOf(() => box.store.resolve('sha512-f'))).toBe(
      'EARGUMENT: image "sha512-f": the id must have at least 2 hex digits',
    );
    const other = `sha512-${info.id[7] === '0' ? '1' : '0'}${info.id.slice(8)}`;
    expect(box.store.get(other)).toBeUndefined();
    expect(errorOf(() => box.store.resolve(other))).toBe(`ENOIMAGE: image "${other}" is not in the store`);
    expect(box.store.get('../../etc/passwd')).toBeUndefined();
  });

  test('by the beginning of two ids', async () => {
    const ids: string[] = [];
    let prefix: string | undefined;
    for (let n = 0; prefix === undefined; n++) {
      const { id } = await box.importBytes(image('example.com/a', version(String(n))));
      prefix = ids.some((other) => other.startsWith(id.slice(0, 9))) ? id.slice(0, 9) : undefined;
      ids.push(id);
    }
    const both = ids.filter((id) => id.startsWith(prefix)).toSorted();
    expect(errorOf(() => box.store.resolve(prefix))).toBe(
      `EAMBIGUOUS: image id ${prefix} is ambiguous: ${both.join(', ')} begin with it`,
    );
  });

  test('by name and labels; the newest import wins', async () => {
    const one = image('example.com/a', version('1', { name: 'os', value: 'linux' }, { name: 'arch', value: 'amd64' }));
    const first = await box.importBytes(one);
    const second = await box.importBytes(image('example.com/a', version('2')));
    await box.importBytes(image('example.com/a/b', version('3')));
    expect(box.store.resolve('example.com/a').id).toBe(second.id);
    expect(box.store.resolve('example.com/a:1').id).toBe(first.id);
    expect(box.store.resolve('example.com/a,os=linux').id).toBe(first.id);
    expect(errorOf(() => box.store.resolve('example.com/a:3'))).toBe(
      'ENOIMAGE: image "example.com/a:3" is not in the store',
    );
    expect(errorOf(() => box.store.resolve('example.com/none'))).toBe(
      'ENOIMAGE: image "example.com/none" is not in the store',
    );
    await box.importBytes(one);
    expect(box.store.resolve('example.com/a').id).toBe(first.id);
    expect(box.store.list().map(({ name }) => name)).toEqual(['example.com/a', 'example.com/a/b', 'example.com/a']);
  });

  test('very long names', async () => {
    const name = `example.com/${'a/'.repeat(200)}b`;
    const info = await box.importBytes(image(name));
    expect(box.store.resolve(name).id).toBe(info.id);
  });

  test('the index of names is rebuilt', async () => {
    const { id } = await box.importBytes(image('example.com/a'));
    rmSync(box.store.paths.names, { recursive: true });
    expect(box.store.resolve('example.com/a').id).toBe(id);
    expect(existsSync(join(box.store.paths.names, 'example.com%2Fa', id))).toBe(true);
  });

  test('an empty store', () => {
    expect(box.store.list()).toEqual([]);
    expect(errorOf(() => box.store.resolve('a'))).toBe('ENOIMAGE: image "a" is not in the store');
    expect(existsSync(box.dataDir)).toBe(false);
  });
});

describe('import', () => {
  test('records what it saw', async () => {
    const text = `{ "acKind": "ImageManifest",\n "acVersion": "0.8.11", "name": "example.com/ü-less" }`.replace(
      'ü-less',
      'x',
    );
    const tar = tarOf([{ path: 'manifest', content: text }, rootfs]);
    const blob = gzipSync(tar);
    const info = await box.importBytes(blob);
    expect(info).toMatchObject({
      name: 'example.com/x',
      manifestText: text,
      blobSize: blob.length,
      size: tar.length,
      verification: { state: 'disabled' },
      blob: join(box.store.paths.blobs, info.blobDigest),
    });
    // Members of group rkt may look at what the store knows, but not into trees, which hold other people's setuid programs.
    expect(statSync(box.store.paths.root).mode & 0o777).toBe(0o750);
    expect(statSync(box.store.paths.trees).mode & 0o777).toBe(0o700);
  });

  test('of the same file extracts nothing again', async () => {
    const bytes = image('example.com/a', {}, { path: 'rootfs/f', content: 'x' });
    const info = await box.importBytes(bytes);
    const inode = statSync(box.tree(info)).ino;
    const again = await box.importBytes(bytes);
    expect(statSync(box.tree(again)).ino).toBe(inode);
    expect({ ...again, importTime: info.importTime }).toEqual(info);
  });

  test('of the same image compressed otherwise replaces the blob, not the tree', async () => {
    const bytes = image('example.com/a');
    const info = await box.importBytes(bytes);
    const inode = statSync(box.tree(info)).ino;
    const again = await box.importBytes(gzipSync(bytes));
    expect(again.id).toBe(info.id);
    expect(statSync(box.tree(info)).ino).toBe(inode);
    expect(readdirSync(box.store.paths.blobs)).toEqual([again.blobDigest]);
  });

  test('by many processes at once', async () => {
    const path = box.file(
      'image.aci',
      gzipSync(image('example.com/a', {}, { path: 'rootfs/f', content: Buffer.alloc(2_000_000, 3) })),
    );
    const script = join(import.meta.dirname, 'import-child.ts');
    const outputs = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const child = spawn(process.execPath, [script, box.dataDir, path], { stdio: ['ignore', 'pipe', 'inherit'] });
        return (await child.stdout.toArray()).join('');
      }),
    );
    const [info] = box.store.list();
    if (info === undefined) throw new Error('nothing was imported');
    expect(outputs.map((output) => output.split('\n')[0])).toEqual(Array(6).fill(info.id));
    expect(box.store.verify(info)).toEqual([]);
    expect(readdirSync(box.store.paths.tmp)).toEqual([]);
    expect(readdirSync(box.store.paths.blobs)).toHaveLength(1);
  });
});

describe('damage', () => {
  const content = Buffer.alloc(100_000, 5);
  const bytes = image(
    'example.com/a',
    {},
    { path: 'rootfs/f', content },
    { path: 'rootfs/g', type: 'hardlink', link: 'rootfs/f' },
  );

  test('is found and repaired by another import', async () => {
    const info = await box.importBytes(bytes);
    expect(box.store.verify(info)).toEqual([]);
    truncateSync(join(box.tree(info), 'f'), 10);
    expect(box.store.verify(info)).toEqual(['tree damaged']);
    truncateSync(info.blob, 10);
    expect(box.store.verify(info)).toEqual(['blob truncated', 'tree damaged']);
    rmSync(info.blob);
    expect(box.store.verify(info)).toEqual(['blob missing', 'tree damaged']);
    const again = await box.importBytes(bytes);
    expect(box.store.verify(again)).toEqual([]);
    expect(readFileSync(join(box.tree(again), 'g'))).toEqual(content);
  });

  test('a missing tree is extracted again', async () => {
    const info = await box.importBytes(gzipSync(bytes));
    rmSync(box.store.treeDir(info.id), { recursive: true });
    expect(errorOf(() => box.tree(info))).toBe(
      `EDAMAGED: image ${info.id}: its root filesystem is missing from the store`,
    );
    const [tree = ''] = await box.store.lowerDirs(info, quiet);
    expect(readFileSync(join(tree, 'f'))).toEqual(content);
    expect(box.store.verify(info)).toEqual([]);
  });

  test('a tree is not extracted from a changed archive', async () => {
    const info = await box.importBytes(bytes);
    rmSync(box.store.treeDir(info.id), { recursive: true });
    writeFileSync(info.blob, image('example.com/evil', {}, { path: 'rootfs/evil' }));
    await expect(box.store.lowerDirs(info, quiet)).rejects.toMatchObject({
      code: 'EDAMAGED',
      message: `image ${info.id}: its stored archive is damaged or missing`,
    });
    expect(readdirSync(box.store.paths.trees)).toEqual([]);
    expect(readdirSync(box.store.paths.tmp)).toEqual([]);
  });

  test.each(['', '{"version":1', '{"version":2}', 'null'])(
    'a record %j is reported, and repaired by another import',
    async (text) => {
      const info = await box.importBytes(bytes);
      writeFileSync(join(box.store.paths.info, info.id), text);
      expect(errorOf(() => box.store.get(info.id))).toBe(
        `EDAMAGED: image ${info.id}: the store's record of it is damaged`,
      );
      expect(box.store.list()).toEqual([]);
      expect((await box.importBytes(bytes)).id).toBe(info.id);
      expect(box.store.get(info.id)?.id).toBe(info.id);
    },
  );
});

describe('kill -9', () => {
  const script = join(import.meta.dirname, 'import-child.ts');
  const bytes = gzipSync(
    image('example.com/a', {}, { path: 'rootfs/d/f', content: 'x' }, { path: 'rootfs/l', type: 'symlink', link: '/' }),
  );

  function importDying(path: string, at: number): { died: boolean } {
    try {
      execFileSync(process.execPath, [script, box.dataDir, path, String(at)], { stdio: ['ignore', 'pipe', 'inherit'] });
      return { died: false };
    } catch (error) {
      if ((error as { signal?: string }).signal !== 'SIGKILL') throw error;
      return { died: true };
    }
  }

  test('before any call leaves a store that works and is cleaned by the next import', async () => {
    const path = box.file('image.aci', bytes);
    let calls = 0;
    for (let at = 1; importDying(path, at).died; at += 1) {
      calls = at;
      const store = ImageStore.open(box.dataDir);
      // What there is, is whole.
      for (const info of store.list()) expect([at, store.verify(info)]).toEqual([at, []]);
      if (at % 3 !== 0) continue;
      const info = await store.importFile(path, { verification: 'disabled', log: quiet });
      expect([at, store.verify(info)]).toEqual([at, []]);
      expect([at, readdirSync(store.paths.tmp)]).toEqual([at, []]);
      expect([at, readdirSync(store.paths.blobs)]).toEqual([at, [info.blobDigest]]);
      rmSync(box.dataDir, { recursive: true });
    }
    expect(calls).toBeGreaterThan(40);
  }, 120_000);
});

describe('unfinished work', () => {
  test('of others that are alive is left alone', () => {
    const tmp = box.dir;
    const staging = Staging.create(tmp);
    chmodSync(staging.path, 0o700);
    // flock(2) belongs to the open file description, so this process counts as another one.
    expect(removeStale(tmp)).toBe(false);
    expect(existsSync(staging.path)).toBe(true);
    staging.remove();
    expect(existsSync(staging.path)).toBe(false);
  });
});
