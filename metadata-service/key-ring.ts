import { ServiceError } from './errors.ts';
import { createKey, type Identity, maxKeys, type SigningKey } from './identity.ts';

/** Rotates the signing key, one rotation at a time: two at once would write two keys of the same version. */
export class KeyRing {
  readonly #identity: Identity;
  readonly #save: (keys: readonly SigningKey[]) => Promise<void>;
  #last: Promise<unknown> = Promise.resolve();

  /** @param save writes the keys durably. */
  constructor(identity: Identity, save: (keys: readonly SigningKey[]) => Promise<void>) {
    this.#identity = identity;
    this.#save = save;
  }

  /** Makes a new key and signs with it once it is stored. Resolves with its version. Throws `too_many_keys`. */
  rotate(): Promise<number> {
    const rotation = this.#last.then(() => this.#rotate());
    this.#last = rotation.catch(() => {});
    return rotation;
  }

  async #rotate(): Promise<number> {
    const { keys } = this.#identity;
    if (keys.length >= maxKeys) throw new ServiceError('too_many_keys', `There are ${keys.length} keys.`);
    const key = createKey(keys);
    const all = [...keys, key];
    await this.#save(all);
    this.#identity.replaceKeys(all);
    return key.version;
  }
}
