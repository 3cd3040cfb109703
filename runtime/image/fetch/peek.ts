/**
 * The manifest of an archive before anything of it is extracted: its name says whose signature counts, and its dependencies
 * what else is needed. Nothing is written; the same bounds hold as when the archive is extracted.
 */

import { maxManifestBytes } from '../../appc/document.ts';
import { type ImageManifest, parseImageManifest } from '../../appc/image-manifest.ts';
import { RktError } from '../../base/errors.ts';
import { atMost, Content } from '../content.ts';
import { ArchiveError } from '../errors.ts';
import { openArchive } from '../read-archive.ts';
import type { TarEntry } from '../tar-entry.ts';
import { type EntrySink, TarReader } from '../tar-reader.ts';
import { unpackFile } from '../unpack-file.ts';

/** Thrown to leave the archive as soon as the manifest is complete. */
class Found extends Error {}

class ManifestFinder implements EntrySink {
  manifest: Buffer | undefined;
  #chunks: Buffer[] | undefined;

  begin(entry: TarEntry): void {
    const name = entry.path.toString('latin1').replace(/^(?:\.\/+)*/, '');
    if (name !== 'manifest') return;
    if (entry.type !== 'file') throw new ArchiveError('its manifest is not a regular file');
    if (entry.size > maxManifestBytes) {
      throw new ArchiveError(`its manifest has ${entry.size} bytes, more than the ${maxManifestBytes} allowed`);
    }
    this.#chunks = [];
  }

  data(chunk: Buffer): void {
    this.#chunks?.push(Buffer.from(chunk));
  }

  hole(): void {
    if (this.#chunks !== undefined) throw new ArchiveError('its manifest is a sparse file');
  }

  end(): void {
    if (this.#chunks === undefined) return;
    this.manifest = Buffer.concat(this.#chunks);
    throw new Found();
  }
}

async function find(path: string, maxBytes: number): Promise<Buffer> {
  const { handle } = await openArchive(path);
  const finder = new ManifestFinder();
  const content = new Content({ reader: new TarReader(finder), tree: undefined, count: atMost(maxBytes) });
  try {
    await unpackFile(handle, {}, content);
  } catch (error) {
    if (!(error instanceof Found)) throw error;
  } finally {
    await handle.close();
  }
  if (finder.manifest === undefined) throw new ArchiveError('it has no manifest');
  return finder.manifest;
}

/**
 * The manifest of the archive at `path`, of which at most `maxBytes` are unpacked on the way. `shownAs` is what errors call it.
 * Errors: EIMAGE, EMANIFEST.
 */
export async function peekManifest(path: string, maxBytes: number, shownAs: string): Promise<ImageManifest> {
  try {
    return parseImageManifest(await find(path, maxBytes));
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new RktError(`cannot import image ${shownAs}: ${error.message}`, {
      code: 'EIMAGE',
      cause: error.cause ?? error,
    });
  }
}
