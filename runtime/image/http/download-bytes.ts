import type { HttpClient } from './types.ts';

/** GET of something small, whole. Errors: those of {@link HttpClient.download}. */
export async function downloadBytes(client: HttpClient, url: string, maxBytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  const sink = { write: (chunk: Buffer) => void chunks.push(chunk), restart: () => void chunks.splice(0) };
  await client.download(url, sink, { maxBytes });
  return Buffer.concat(chunks);
}
