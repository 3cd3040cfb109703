/**
 * The identity of pods: an HMAC-SHA512 (RFC 2104) over the pod's uuid and some content, by a key that never leaves the
 * service. Keys have versions: the newest signs, all of them verify, so rotation invalidates nothing.
 */

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';

const keyBytes = 64;
const signatureBytes = 64;

/** Verifying costs one HMAC (some microseconds) per version; a rotation every month for twenty years stays below this. */
export const maxKeys = 256;

/** Separates these signatures from every other use the keys might get. */
const domain = Buffer.from('rkt metadata service: pod signature v1', 'ascii');

export interface SigningKey {
  /** 1 for the first key, and one more for each rotation. */
  readonly version: number;
  readonly secret: Buffer;
}

/** A new key with the version after the newest of `keys` (oldest first). */
export function createKey(keys: readonly SigningKey[]): SigningKey {
  return { version: (keys.at(-1)?.version ?? 0) + 1, secret: randomBytes(keyBytes) };
}

export class Identity {
  #keys: readonly SigningKey[];

  /** @param keys at least one, oldest first. */
  constructor(keys: readonly SigningKey[]) {
    if (keys.length === 0) throw new Error('an identity needs at least one key');
    this.#keys = keys;
  }

  get keys(): readonly SigningKey[] {
    return this.#keys;
  }

  /** From now on `keys` (oldest first) sign and verify. */
  replaceKeys(keys: readonly SigningKey[]): void {
    this.#keys = keys;
  }

  /** The signature of the pod `uuid` for `content`: 88 characters of base64. */
  sign(uuid: string, content: Buffer): string {
    return mac(this.#keys.at(-1) as SigningKey, signedMessage(uuid, content)).toString('base64');
  }

  /**
   * Whether `signature` (base64) is one that the pod `uuid` was given for `content`, under any version of the key. The time
   * it takes depends on the number of keys and the length of the content only.
   */
  verify(uuid: string, content: Buffer, signature: string): boolean {
    const given = decodeSignature(signature);
    const message = signedMessage(uuid.toLowerCase(), content);
    let matches = 0;
    for (const key of this.#keys)
      matches |= Number(timingSafeEqual(mac(key, message), given ?? Buffer.alloc(signatureBytes)));
    return given !== undefined && matches === 1;
  }
}

/**
 * What is authenticated: domain, uuid and the SHA-512 of the content, each behind its length. The content itself is hashed
 * once, so the number of key versions does not multiply the cost of a long content.
 */
function signedMessage(uuid: string, content: Buffer): Buffer {
  return Buffer.concat([
    ...frame(domain),
    ...frame(Buffer.from(uuid)),
    ...frame(createHash('sha512').update(content).digest()),
  ]);
}

function frame(bytes: Buffer): [Buffer, Buffer] {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return [length, bytes];
}

function mac(key: SigningKey, message: Buffer): Buffer {
  return createHmac('sha512', key.secret).update(message).digest();
}

/** Exactly the base64 that `sign` makes; other spellings of the same bytes are not accepted. */
function decodeSignature(signature: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]{86}==$/.test(signature)) return undefined;
  const bytes = Buffer.from(signature, 'base64');
  return bytes.toString('base64') === signature ? bytes : undefined;
}
