import { messageOf } from '../base/errors.ts';
import { Field, manifestError } from './field.ts';

/** No manifest is larger than this, in bytes. Real ones have a few KiB; the bound keeps hostile ones out of memory. */
export const maxManifestBytes = 1024 * 1024;

function decode(document: string, text: string | Uint8Array): string {
  const size = typeof text === 'string' ? Buffer.byteLength(text) : text.length;
  if (size > maxManifestBytes) {
    throw manifestError(document, '', `has ${size} bytes, more than the ${maxManifestBytes} allowed`);
  }
  if (typeof text === 'string') return text;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(text);
  } catch {
    throw manifestError(document, '', 'is not UTF-8 text');
  }
}

/** Parses JSON text (RFC 4627); `document` names it in errors, e.g. `image manifest`. */
export function parseDocument(document: string, text: string | Uint8Array): Field {
  const json = decode(document, text);
  try {
    return new Field(document, '', JSON.parse(json));
  } catch (error) {
    throw manifestError(document, '', `is not JSON: ${messageOf(error)}`);
  }
}
