import { closeSync, openSync, writeSync } from 'node:fs';
import { RktError } from '../../base/errors.ts';
import { buildAci } from '../build.ts';
import { ArchiveError } from '../errors.ts';
import type { ImageInfo } from '../image-info.ts';
import { openArchive, unpackArchive } from '../read-archive.ts';
import type { ImageStore } from '../store.ts';
import { ownLayers } from './extract.ts';
import { type OutputOptions, writeOutput } from './output.ts';

/** Writes the stored archive without its compression, and checks that it is the image. */
async function uncompress(info: ImageInfo, blob: string, output: string): Promise<void> {
  const { handle } = await openArchive(blob);
  const fd = openSync(output, 'wx', 0o644);
  try {
    const id = await unpackArchive(handle, (chunk) => {
      for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at);
    });
    if (id !== info.id) throw new ArchiveError('its content has changed');
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new RktError(`image ${info.id}: its stored archive is damaged: ${error.message}`, {
      code: 'EDAMAGED',
      hint: 'fetch the image again',
      cause: error,
    });
  } finally {
    closeSync(fd);
    await handle.close();
  }
}

/**
 * Writes the image as an uncompressed ACI: of an archive the very bytes that its id is the hash of; of an image that came in
 * layers a new archive of all of them. Errors: EOUTPUT, EDAMAGED, EIMAGE.
 */
export async function exportImage(
  store: ImageStore,
  info: ImageInfo,
  output: string,
  options: OutputOptions,
): Promise<void> {
  const { blob } = info;
  await writeOutput(output, options, async (unfinished) => {
    if (blob !== undefined) await uncompress(info, blob, unfinished);
    else await buildAci({ rootfs: ownLayers(store, info), manifest: info.manifestText, output: unfinished });
  });
}
