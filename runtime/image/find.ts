/** From what a user calls an image to an image in the store. */

import { classifyImage, type ImageInput } from '../appc/image-reference.ts';
import { RktError } from '../base/errors.ts';
import type { Fetcher } from './fetch/fetcher.ts';
import type { FetchSettings, ImageSettings } from './fetch/settings.ts';
import type { ImageInfo } from './image-info.ts';
import type { ImageStore } from './store.ts';

/** Nothing of it has to be verified or fetched. */
const isSimple = ({ verification, manifest }: ImageInfo): boolean =>
  verification.state !== 'unverified' && manifest.dependencies.length === 0;

/** Finds the images of one command. What is stored and needs no look at its signature is found without loading more. */
export class ImageFinder {
  readonly #store: ImageStore;
  readonly #settings: FetchSettings;
  #fetcher: Promise<Fetcher> | undefined;

  constructor(store: ImageStore, settings: FetchSettings) {
    this.#store = store;
    this.#settings = settings;
  }

  /**
   * The image that `text` names, fetched where the pull policy says so, with what it depends on. It may be unverified: then it
   * must not be executed. Errors: those of {@link classifyImage}, of the store, and of fetching.
   */
  async fetch(text: string, image: ImageSettings = {}): Promise<ImageInfo> {
    const input = classifyImage(text);
    return this.#stored(text, input, image) ?? (await (await this.#fetching()).fetch(text, input, image));
  }

  /**
   * The same, for executing or rendering it: of an image that nobody could judge when it was fetched, and of what it depends
   * on, the stored bytes are verified again. Errors: EVERIFY besides.
   */
  async find(text: string, image: ImageSettings = {}): Promise<ImageInfo> {
    const input = classifyImage(text);
    return this.#stored(text, input, image) ?? (await (await this.#fetching()).find(text, input, image));
  }

  /**
   * The image in the store that `text` names by name, id, or the URL or reference that it was fetched from; nothing is fetched,
   * verified or imported. Errors: ENOIMAGE, EAMBIGUOUS, EARGUMENT.
   */
  async stored(text: string): Promise<ImageInfo> {
    const input = classifyImage(text);
    if (input.kind === 'id' || input.kind === 'name') return this.#store.resolve(text);
    if (input.kind !== 'file') {
      const { storedFrom } = await import('./fetch/index.ts');
      const info = storedFrom(this.#store, input.url);
      if (info !== undefined) return info;
    }
    throw new RktError(`image ${text} is not in the store`, {
      code: 'ENOIMAGE',
      hint: input.kind === 'file' ? 'a stored image is named by its name or id' : 'fetch it first',
    });
  }

  /** An image of the store that needs nothing more; undefined: there is more to do. */
  #stored(text: string, input: ImageInput, { signature }: ImageSettings): ImageInfo | undefined {
    // The fetcher has something to say about a signature, even if there is nothing to fetch.
    if (signature !== undefined) return undefined;
    let info: ImageInfo | undefined;
    if (input.kind === 'id') info = this.#store.resolve(text);
    if (input.kind === 'name' && this.#settings.pullPolicy !== 'update') info = this.#store.find(input.reference);
    return info !== undefined && isSimple(info) ? info : undefined;
  }

  /** Closes connections. */
  async close(): Promise<void> {
    await (await this.#fetcher)?.close();
  }

  #fetching(): Promise<Fetcher> {
    this.#fetcher ??= import('./fetch/index.ts').then(({ Fetcher }) => new Fetcher(this.#store, this.#settings));
    return this.#fetcher;
  }
}
