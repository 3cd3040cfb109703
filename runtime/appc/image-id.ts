import { shown } from './field.ts';

/** types.md, Image ID Type: `sha512-` and the hex digits of the sha512 of the image's uncompressed tar. */
export type ImageId = string;

export const imageIdPrefix = 'sha512-';
/** Hex digits of a full id. */
export const imageIdDigits = 128;
/** Hex digits that are printed where nobody asked for the full id. */
export const shortIdDigits = 32;
/** Hex digits that an abbreviated id needs at least, as in rkt. */
export const minIdDigits = 2;

/** True for `sha512-` and 128 lower-case hex digits. */
export function isFullImageId(text: string): boolean {
  return /^sha512-[0-9a-f]{128}$/.test(text);
}

/** The reason why `text` is neither an image id nor the beginning of one, or undefined. */
export function checkImageId(text: string): string | undefined {
  const dash = text.indexOf('-');
  if (dash < 0) return 'must be an image id such as "sha512-06c733b1"';
  if (!text.startsWith(imageIdPrefix)) return `must name the hash "sha512", not ${shown(text.slice(0, dash))}`;
  const digits = text.slice(imageIdPrefix.length);
  if (!/^[0-9a-f]*$/.test(digits)) return 'must have lower-case hex digits after "sha512-"';
  if (digits.length < minIdDigits) return `must have at least ${minIdDigits} hex digits`;
  if (digits.length > imageIdDigits) return `must have at most ${imageIdDigits} hex digits`;
  return undefined;
}

/** The id with as many digits as people are shown. */
export function shortImageId(id: ImageId): string {
  return id.slice(0, imageIdPrefix.length + shortIdDigits);
}
