/** Archives of any shape, well-formed or hostile, and a store in a directory of its own. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRktError } from '../../../runtime/base/errors.ts';
import { quiet } from '../../../runtime/base/log.ts';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import { ImageStore } from '../../../runtime/image/store.ts';
import type { TarEntry } from '../../../runtime/image/tar-entry.ts';
import { encodeEntry, endOfArchive, paddingOf } from '../../../runtime/image/tar-writer.ts';

export interface Spec extends Partial<Omit<TarEntry, 'path' | 'link' | 'size'>> {
  path: string | Buffer;
  link?: string;
  content?: string | Buffer;
}

/** The bytes of a tar archive with exactly these entries, however senseless. */
export function tarOf(specs: readonly Spec[]): Buffer {
  const blocks = specs.map(({ path, link, content, ...rest }) => {
    const bytes = Buffer.from(content ?? '');
    const entry: TarEntry = {
      type: 'file',
      path: Buffer.from(path as string),
      link: Buffer.from(link ?? ''),
      mode: rest.type === 'directory' ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      size: bytes.length,
      mtime: { sec: 1_000_000_000, nsec: 0 },
      device: { major: 0, minor: 0 },
      xattrs: new Map(),
      ...rest,
    };
    return Buffer.concat([encodeEntry(entry), bytes, paddingOf(bytes.length)]);
  });
  return Buffer.concat([...blocks, endOfArchive]);
}

/** What the store knows of an image that came as an archive. */
export type ArchiveInfo = ImageInfo & { blob: string; blobDigest: string };

export const manifestOf = (name: string, members: object = {}): string =>
  JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name, ...members });

export const rootfs: Spec = { path: 'rootfs/', type: 'directory' };
export const manifest: Spec = { path: 'manifest', content: manifestOf('example.com/test') };

/** The bytes of an image whose root filesystem has these entries. */
export const aciOf = (...specs: Spec[]): Buffer => tarOf([manifest, rootfs, ...specs]);

/** A directory that is removed with everything in it, and a store in it. */
export class Sandbox {
  readonly dir = mkdtempSync(join(tmpdir(), 'rkt-image-test-'));
  readonly dataDir = join(this.dir, 'data');
  readonly store = ImageStore.open(this.dataDir);

  file(name: string, content: string | Buffer): string {
    const path = join(this.dir, name);
    writeFileSync(path, content);
    return path;
  }

  /** Imports an archive, which has a blob therefore. */
  async import(path: string, log = quiet): Promise<ArchiveInfo> {
    return (await this.store.importFile(path, { verification: 'disabled', log })) as ArchiveInfo;
  }

  /** The root filesystem of an image that is a single tree. */
  tree(info: ImageInfo): string {
    const [tree, ...more] = this.store.lowers(info);
    if (tree === undefined || more.length > 0) throw new Error('the image is not a single tree');
    return tree;
  }

  importBytes(content: string | Buffer, log = quiet) {
    return this.import(this.file('image.aci', content), log);
  }

  /** What the import of these bytes fails with, the file's path replaced by FILE. */
  async refusal(content: string | Buffer): Promise<string> {
    return this.refusalOf(this.file('image.aci', content));
  }

  async refusalOf(path: string): Promise<string> {
    try {
      await this.import(path);
    } catch (error) {
      if (!isRktError(error)) throw error;
      return `${error.code}: ${error.message.replaceAll(path, 'FILE').replaceAll(this.dataDir, 'DATA')}`;
    }
    throw new Error('the import succeeded');
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}
