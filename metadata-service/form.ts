/**
 * application/x-www-form-urlencoded as bytes. The form parsers at hand return strings, and replace what is not UTF-8 by
 * U+FFFD: two different contents would then have one signature. Fields are what a client percent-encoded, byte by byte.
 * Rules: WHATWG URL standard, section 5.1, but a broken escape and a field that stands twice are errors here.
 */

import { ServiceError } from './errors.ts';

export type Form = ReadonlyMap<string, Buffer>;

const ampersand = 0x26;
const equals = 0x3d;
const percent = 0x25;
const plus = 0x2b;
const space = 0x20;

/** Parses the body of a form. Names are read as latin1: those that are asked for are ASCII. Throws `bad_form`. */
export function parseForm(body: Buffer): Form {
  const form = new Map<string, Buffer>();
  for (let start = 0; start < body.length; ) {
    const next = body.indexOf(ampersand, start);
    const end = next === -1 ? body.length : next;
    if (end > start) addField(form, body.subarray(start, end));
    start = end + 1;
  }
  return form;
}

/** The field `name`, possibly empty. Throws `missing_field` where the form has none. */
export function requiredField(form: Form, name: string): Buffer {
  const value = form.get(name);
  if (value === undefined) throw new ServiceError('missing_field', `It is "${name}".`);
  return value;
}

function addField(form: Map<string, Buffer>, pair: Buffer): void {
  const separator = pair.indexOf(equals);
  const name = decode(separator === -1 ? pair : pair.subarray(0, separator)).toString('latin1');
  if (form.has(name)) throw new ServiceError('bad_form', 'A field stands in it twice.');
  form.set(name, separator === -1 ? Buffer.alloc(0) : decode(pair.subarray(separator + 1)));
}

function decode(encoded: Buffer): Buffer {
  const decoded = Buffer.allocUnsafe(encoded.length);
  let length = 0;
  for (let i = 0; i < encoded.length; i += 1) {
    let byte = encoded[i] as number;
    if (byte === plus) byte = space;
    else if (byte === percent) {
      byte = hexDigit(encoded[i + 1]) * 16 + hexDigit(encoded[i + 2]);
      i += 2;
    }
    decoded[length] = byte;
    length += 1;
  }
  return decoded.subarray(0, length);
}

function hexDigit(byte: number | undefined): number {
  if (byte !== undefined) {
    if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
    const lower = byte | 0x20;
    if (lower >= 0x61 && lower <= 0x66) return lower - 0x61 + 10;
  }
  throw new ServiceError('bad_form', 'A percent sign is not followed by two hexadecimal digits.');
}
