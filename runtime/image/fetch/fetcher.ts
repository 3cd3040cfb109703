/** Everything that can be fetched, with what it depends on. */

import type { Dependency } from '../../appc/dependencies.ts';
import type { ImageInput } from '../../appc/image-reference.ts';
import { RktError } from '../../base/errors.ts';
import { withoutPassword } from '../http/redirect.ts';
import type { ImageInfo } from '../image-info.ts';
import { maxDependencyDepth } from '../limits.ts';
import type { ImageStore } from '../store.ts';
import { fetchFile } from './from-file.ts';
import { fetchName, showReference } from './from-name.ts';
import { type FetchDependencies, fetchUrl, knownImage, notStored } from './from-url.ts';
import { announceUnverified } from './judge.ts';
import { readRemote, writeRemote } from './remotes.ts';
import { requireVerified, reverify } from './reverify.ts';
import { FetchSession } from './session.ts';
import { configDirs, type FetchSettings, type ImageSettings } from './settings.ts';
import { warnUnread } from './signature.ts';

function dependencyError(image: string, reason: string): RktError {
  return new RktError(`image ${image}: ${reason}`, { code: 'EDEPENDENCY' });
}

export class Fetcher {
  readonly #session: FetchSession;
  /** Dependencies that are in the store with all of theirs. */
  readonly #settled = new Set<string>();

  constructor(store: ImageStore, settings: FetchSettings) {
    this.#session = new FetchSession(store, settings);
  }

  /**
   * The image, from the store or from where it is, with all that it depends on. It may be unverified; that is said, after another
   * look at what was stored before, for a key may be trusted by now.
   */
  async fetch(text: string, input: ImageInput, image: ImageSettings = {}): Promise<ImageInfo> {
    const found = await this.#obtain(text, input, image);
    if (found.verification.state !== 'unverified' || this.#session.skipVerify) return found;
    if (this.#session.judged.has(found.id)) return found;
    const { info, hint } = await reverify(this.#session, found);
    if (info.verification.state === 'unverified') announceUnverified(this.#session, withoutPassword(text), hint);
    return info;
  }

  /** The same, for executing or rendering it: it and what it depends on must be verified. Errors: EVERIFY. */
  async find(text: string, input: ImageInput, image: ImageSettings = {}): Promise<ImageInfo> {
    const found = await this.#obtain(text, input, image);
    const info = await requireVerified(this.#session, found);
    for (const part of this.#session.store.imagesOf(info)) {
      if (part.id !== info.id) await requireVerified(this.#session, part);
    }
    return info;
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #obtain(text: string, input: ImageInput, image: ImageSettings): Promise<ImageInfo> {
    const dependencies = this.#dependencies([]);
    const info = await this.#fetchOne(text, input, image, dependencies);
    // Those of an image that was stored already may have been removed.
    await dependencies(info.name, info.manifest.dependencies);
    return info;
  }

  async #fetchOne(
    text: string,
    input: ImageInput,
    { signature }: ImageSettings,
    dependencies: FetchDependencies,
  ): Promise<ImageInfo> {
    const { store, settings } = this.#session;
    switch (input.kind) {
      case 'id':
        warnUnread(this.#session, text, signature);
        return store.resolve(text);
      case 'name': {
        const stored = settings.pullPolicy === 'update' ? undefined : store.find(input.reference);
        if (stored !== undefined) {
          warnUnread(this.#session, text, signature);
          return stored;
        }
        if (settings.pullPolicy === 'never') throw notStored(text);
        const request = { reference: input.reference, shownAs: text, signatureFile: signature };
        return await fetchName(this.#session, request, dependencies);
      }
      case 'url':
        return await fetchUrl(this.#session, { url: input.url, signatureFile: signature }, dependencies);
      case 'file':
        return await fetchFile(this.#session, input.path, signature, dependencies);
      case 'docker':
        warnUnread(this.#session, text, signature);
        return await this.#fetchDocker(input.url);
    }
  }

  async #fetchDocker(url: string): Promise<ImageInfo> {
    const { store, settings, skipVerify, allowHttp, log } = this.#session;
    const stored = knownImage(this.#session, readRemote(store.paths, url), undefined);
    if (stored !== undefined && settings.pullPolicy !== 'update') return stored;
    if (settings.pullPolicy === 'never') throw notStored(url);
    const { fetchDockerImage } = await import('../docker/index.ts');
    const options = {
      store,
      configDirs: configDirs(settings),
      http: await this.#session.client(),
      credentials: this.#session.credentials,
      skipVerify,
      allowHttp,
      progress: settings.progress,
      print: (line: string) => settings.progress.line(line),
      log,
    };
    const info = await fetchDockerImage(url, options);
    writeRemote(store.paths, { url, id: info.id, maxAge: 0, checked: Date.now() });
    return info;
  }

  /** `path`: the dependencies on the way to here, the way people write them. */
  #dependencies(path: readonly string[]): FetchDependencies {
    return async (image, dependencies) => {
      for (const dependency of dependencies) await this.#dependency(path, image, dependency);
    };
  }

  async #dependency(path: readonly string[], image: string, dependency: Dependency): Promise<void> {
    const shownAs = showReference({ name: dependency.imageName, labels: dependency.labels });
    if (path.includes(shownAs)) {
      throw dependencyError(image, `its dependencies go in a circle: ${[...path, shownAs].join(' → ')}`);
    }
    if (path.length >= maxDependencyDepth) {
      throw dependencyError(image, `its dependencies are more than ${maxDependencyDepth} levels deep`);
    }
    const { imageID, size } = dependency;
    // One that is reached on many ways is looked after once, or a few images could ask for any number of visits.
    const key = JSON.stringify([shownAs, imageID, size]);
    if (this.#settled.has(key)) return;
    await this.#settle(dependency, shownAs, image, this.#dependencies([...path, shownAs]));
    this.#settled.add(key);
  }

  /** Sees to it that a dependency is in the store, with all of its own. */
  async #settle(dependency: Dependency, shownAs: string, image: string, next: FetchDependencies): Promise<void> {
    const { store, settings } = this.#session;
    const { imageID, size } = dependency;
    const reference = { name: dependency.imageName, labels: dependency.labels };
    const stored = store.findDependency(dependency);
    if (stored !== undefined && (settings.pullPolicy !== 'update' || imageID !== undefined)) {
      return await next(shownAs, stored.manifest.dependencies);
    }
    if (settings.pullPolicy === 'never') throw notStored(shownAs);
    const info = await fetchName(this.#session, { reference, shownAs, size }, next);
    await next(shownAs, info.manifest.dependencies);
    if (imageID !== undefined && !info.id.startsWith(imageID)) {
      throw dependencyError(image, `its dependency ${shownAs} must have the id ${imageID}, but it has ${info.id}`);
    }
  }
}
