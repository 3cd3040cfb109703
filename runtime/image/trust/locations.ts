/** Where public keys come from: files and URLs. */

import { statSync } from 'node:fs';
import { keyError } from './errors.ts';
import { maxKeyFileBytes } from './keys.ts';
import { fileReason, readSmallFile } from './read-file.ts';
import { quoted } from './text.ts';

export interface LocationOptions {
  /** `--insecure-allow-http`. */
  readonly allowHttp: boolean;
  /** GET of a URL, at most so many bytes. */
  readonly download: (url: string, maxBytes: number) => Promise<Uint8Array>;
}

const schemeOf = (location: string): string | undefined =>
  /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(location)?.[1]?.toLowerCase();

/** The bytes of a public key file. Errors: EKEY naming the location, and those of `download`. */
export async function readKeyLocation(location: string, { allowHttp, download }: LocationOptions): Promise<Uint8Array> {
  switch (schemeOf(location)) {
    case 'https':
      return download(location, maxKeyFileBytes);
    case 'http':
      if (!allowHttp) {
        throw keyError(
          `key ${quoted(location)}: plain HTTP is not allowed, anyone on the way could put in another key`,
          '--insecure-allow-http required for http URLs',
        );
      }
      return download(location, maxKeyFileBytes);
    case 'file':
      return readLocal(decodeURIComponent(new URL(location).pathname), location);
    case undefined:
      return readLocal(location, location);
    default:
      throw keyError(`key ${quoted(location)}: only local files and http or https URLs are supported`);
  }
}

function readLocal(path: string, location: string): Uint8Array {
  try {
    return readSmallFile(path, maxKeyFileBytes);
  } catch (cause) {
    throw keyError(`key ${quoted(location)}: ${fileReason(cause)}`, undefined, cause);
  }
}

/**
 * Whether what came from there may be trusted for that: over HTTPS with a certificate that was verified. `pubkey` of the checks that
 * the user switched off says that any connection will do.
 */
export function isProven(location: string, insecure: ReadonlySet<string>): boolean {
  const scheme = schemeOf(location);
  if (insecure.has('pubkey')) return scheme === 'https' || scheme === 'http';
  return scheme === 'https' && !insecure.has('tls');
}

/**
 * Whether `--root LOCATION` means all images of a domain (`rkt trust --root coreos.com`) and not a file: a bare domain name, and no
 * such file, nor a name that only files have.
 */
export function isDomain(location: string): boolean {
  if (!/^(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/.test(location)) return false;
  return (
    !/\.(?:asc|gpg|pgp|key|pub|txt)$/.test(location) && statSync(location, { throwIfNoEntry: false }) === undefined
  );
}
