/** Compression of image archives, told apart by the first bytes. Each decompressor is loaded when it is needed. */

import { Readable, type Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '../base/errors.ts';
import { ArchiveError } from './errors.ts';

export type Compression = 'none' | 'gzip' | 'bzip2' | 'xz' | 'zstd';

const magics: readonly [Compression, number[]][] = [
  ['gzip', [0x1f, 0x8b]],
  ['bzip2', [0x42, 0x5a, 0x68]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
];

/** The compression of data that begins with `head`. */
export function detectCompression(head: Uint8Array): Compression {
  return magics.find(([, bytes]) => bytes.every((byte, index) => head[index] === byte))?.[0] ?? 'none';
}

/**
 * Receives decompressed bytes, in order; the next come when what it returns has settled. What it throws ends the work and is
 * thrown on unchanged.
 */
export type Consumer = (chunk: Buffer) => void | Promise<void>;

/** Remembers what the consumer threw, so that it is not mistaken for damage that the decompressor found. */
class Guard {
  failure: { error: unknown } | undefined;
  readonly consume: Consumer;

  constructor(consume: Consumer) {
    this.consume = async (chunk) => {
      try {
        await consume(chunk);
      } catch (error) {
        this.failure = { error };
        throw error;
      }
    };
  }
}

/** Bytes that node's decompressors hand out at once; their default of 16 KiB costs more in calls than in work. */
const outputChunk = 256 * 1024;

async function throughTransform(source: AsyncIterable<Buffer>, transform: Transform, consume: Consumer): Promise<void> {
  await pipeline(source, transform, async (output: AsyncIterable<Buffer>) => {
    for await (const chunk of output) await consume(chunk);
  });
}

async function gunzip(source: AsyncIterable<Buffer>, consume: Consumer): Promise<void> {
  const { createGunzip } = await import('node:zlib');
  await throughTransform(source, createGunzip({ chunkSize: outputChunk }), consume);
}

async function unzstd(source: AsyncIterable<Buffer>, consume: Consumer): Promise<void> {
  const { createZstdDecompress } = await import('node:zlib');
  await throughTransform(source, createZstdDecompress({ chunkSize: outputChunk }), consume);
}

async function unxz(source: AsyncIterable<Buffer>, consume: Consumer): Promise<void> {
  const { XzReadableStream } = await import('xz-decompress');
  const input = Readable.toWeb(Readable.from(source)) as unknown as ReadableStream<Uint8Array>;
  const output = new XzReadableStream(input) as unknown as AsyncIterable<Uint8Array>;
  for await (const chunk of output) await consume(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}

/**
 * unbzip2-stream decodes whatever it has as soon as it has it, without minding back-pressure; so it is fed and emptied in
 * step, and nothing piles up however much a block unfolds to.
 */
async function bunzip2(source: AsyncIterable<Buffer>, consume: Consumer): Promise<void> {
  const { default: createStream } = await import('unbzip2-stream');
  const stream = createStream();
  let failure: { error: unknown } | undefined;
  let ready: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => ready.push(chunk));
  stream.on('error', (error: unknown) => {
    failure ??= { error };
  });
  const empty = async (): Promise<void> => {
    const chunks = ready;
    ready = [];
    for (const chunk of chunks) await consume(chunk);
    if (failure !== undefined) throw failure.error;
  };
  for await (const chunk of source) {
    stream.write(chunk);
    await empty();
  }
  stream.end();
  await empty();
}

async function copy(source: AsyncIterable<Buffer>, consume: Consumer): Promise<void> {
  for await (const chunk of source) await consume(chunk);
}

const decompressors = { none: copy, gzip: gunzip, bzip2: bunzip2, xz: unxz, zstd: unzstd } as const;

/**
 * Decompresses `source` into `consume`. Damage is thrown as an ArchiveError; errors of `source` and of `consume` as they are.
 */
export async function decompress(
  source: AsyncIterable<Buffer>,
  compression: Compression,
  consume: Consumer,
): Promise<void> {
  const guard = new Guard(consume);
  let sourceFailure: { error: unknown } | undefined;
  async function* watched(): AsyncGenerator<Buffer> {
    try {
      yield* source;
    } catch (error) {
      sourceFailure = { error };
      throw error;
    }
  }
  try {
    await decompressors[compression](watched(), guard.consume);
  } catch (error) {
    const other = guard.failure ?? sourceFailure;
    if (other !== undefined) throw other.error;
    if (compression === 'none') throw error;
    throw new ArchiveError(`its ${compression} compression is damaged or cut short`, new Error(messageOf(error)));
  }
}
