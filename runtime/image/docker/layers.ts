/** Bringing the layers of an image into the store: several at once, each one only where it is not there already. */

import { removeTree } from '../../../native/fs.ts';
import type { Log } from '../../base/log.ts';
import { ArchiveError } from '../errors.ts';
import type { Sink } from '../http/types.ts';
import { commitLayer } from '../layers.ts';
import type { Progress } from '../progress.ts';
import type { ImageStore } from '../store.ts';
import { allowedBytes } from '../store-dirs.ts';
import { type Attempt, Budget } from './budget.ts';
import type { Digest } from './digest.ts';
import { imageError } from './errors.ts';
import { BufferCount } from './garbage.ts';
import { LayerUnpacking, type UnpackedLayer } from './layer-unpacking.ts';
import type { Descriptor } from './manifest.ts';
import type { Registry } from './registry.ts';
import { chainIdOf, lowestTreeIdOf, storedTreeId, storedTreeIds, treeIdOf } from './tree-ids.ts';

/** Layers that are downloaded and unpacked at the same time; more were not faster on two cores. */
const maxLayersAtOnce = 2;

/** How often a layer is begun anew because its download could not be resumed. */
const maxRestarts = 3;

export interface LayerSource {
  readonly descriptor: Descriptor;
  readonly diffId: Digest;
}

export interface FetchLayersOptions {
  readonly store: ImageStore;
  readonly registry: Registry;
  readonly image: string;
  readonly log: Log;
  readonly progress: Progress;
  /** Says that a layer is being downloaded now. */
  readonly announce: (digest: Digest) => void;
}

/** The server sends the layer from its beginning again, and what has been unpacked cannot be taken back. */
class Restarted extends Error {}

interface Task extends LayerSource {
  readonly lowest: boolean;
  readonly chainId: string;
  readonly name: string;
}

/** A layer whose tree is in the store, or one that still lacks what is linked to in the layers below. */
export type FetchedLayer = { readonly id: string } | UnpackedTree;

/** A layer in an unfinished directory. */
export interface UnpackedTree extends UnpackedLayer {
  readonly digest: Digest;
  readonly treeDir: string;
}

/** One position of an image's stack. */
export interface StackedLayer {
  readonly chainId: string;
  readonly fetched: FetchedLayer;
}

/**
 * Gets all layers and returns them in the order of `sources`, the lowest first; a layer that is there twice is got once. `staging`
 * is a directory for unfinished ones. Errors: EIMAGE for layers that are not what they should be, those of the registry and
 * of the HTTP client, system errors of the store.
 */
export async function fetchLayers(
  sources: readonly LayerSource[],
  staging: string,
  options: FetchLayersOptions,
): Promise<StackedLayer[]> {
  const diffIds = sources.map(({ diffId }) => diffId);
  const all = new Map<string, Task>();
  sources.forEach((source, index) => {
    const lowest = index === 0;
    const key = keyOf(source.diffId, lowest);
    const chainId = chainIdOf(diffIds.slice(0, index + 1));
    if (!all.has(key)) all.set(key, { ...source, lowest, chainId, name: String(index) });
  });
  const fetched = await new Fetching(options, staging).run([...all.values()]);
  return sources.map(({ diffId }, index) => ({
    chainId: chainIdOf(diffIds.slice(0, index + 1)),
    fetched: fetched.get(keyOf(diffId, index === 0)) as FetchedLayer,
  }));
}

function partition<T>(all: readonly T[], belongs: (one: T) => boolean): [yes: T[], no: T[]] {
  return [all.filter((one) => belongs(one)), all.filter((one) => !belongs(one))];
}

const keyOf = (diffId: Digest, lowest: boolean): string => (lowest ? `lowest ${diffId}` : diffId);

class Fetching {
  readonly #options: FetchLayersOptions;
  readonly #staging: string;
  readonly #cancelled = new AbortController();
  readonly #fetched = new Map<string, FetchedLayer>();

  constructor(options: FetchLayersOptions, staging: string) {
    this.#options = options;
    this.#staging = staging;
  }

  /** By the keys of the layers. */
  async run(layers: readonly Task[]): Promise<ReadonlyMap<string, FetchedLayer>> {
    const budget = Budget.of(allowedBytes(this.#staging));
    const [stored, missing] = partition(layers, (task) => storedTreeIds(this.#options.store, task).length > 0);
    const damaged: Task[] = [];
    const check = async (): Promise<void> => {
      for (const task of stored) if (!(await this.#findStored(task))) damaged.push(task);
    };
    await Promise.all([this.#fetchAll(missing, budget), this.#orGiveUp(check())]);
    await this.#fetchAll(damaged, budget);
    if (this.#cancelled.signal.aborted) throw this.#cancelled.signal.reason;
    return this.#fetched;
  }

  /** Does not reject: a failure cancels everything. */
  async #fetchAll(layers: readonly Task[], budget: Budget): Promise<void> {
    // The largest first, so that all end at about the same time.
    const queue = layers.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
    const { signal } = this.#cancelled;
    const line = async (): Promise<void> => {
      while (!signal.aborted) {
        const task = queue.shift();
        if (task === undefined) return;
        await this.#fetchOnce(task, budget);
      }
    };
    await Promise.all(Array.from({ length: maxLayersAtOnce }, () => this.#orGiveUp(line())));
  }

  async #orGiveUp(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      // The first failure is what the others are cancelled for.
      if (!this.#cancelled.signal.aborted) this.#cancelled.abort(error);
    }
  }

  async #findStored(task: Task): Promise<boolean> {
    const id = await storedTreeId(this.#options.store, task);
    if (id !== undefined) this.#fetched.set(keyOf(task.diffId, task.lowest), { id });
    return id !== undefined;
  }

  /** Under a lock, so that of two processes that want the same layer one fetches it. */
  async #fetchOnce(task: Task, budget: Budget): Promise<void> {
    const { store, log } = this.#options;
    const key = keyOf(task.diffId, task.lowest);
    const work = async (): Promise<void> => {
      if (await this.#findStored(task)) return;
      const fetched = await this.#fetch(task, budget);
      this.#fetched.set(key, fetched.looseLinks.length > 0 ? fetched : this.#commit(task, fetched));
    };
    const waiting = (): void => log.info(`waiting for another rkt that fetches layer ${task.descriptor.digest}`);
    await store.exclusively(`layer ${key}`, work, waiting);
  }

  #commit(task: Task, { treeDir, whiteouts }: UnpackedTree): FetchedLayer {
    const id = task.lowest && whiteouts > 0 ? lowestTreeIdOf(task.diffId) : treeIdOf(task.diffId);
    commitLayer(this.#options.store, treeDir, id);
    return { id };
  }

  async #fetch(task: Task, budget: Budget): Promise<UnpackedTree> {
    const { announce, image } = this.#options;
    const { digest } = task.descriptor;
    announce(digest);
    for (let restarts = 0; ; restarts++) {
      const treeDir = `${this.#staging}/${task.name}-${restarts}`;
      const attempt = budget.attempt();
      try {
        return { ...(await this.#unpack(task, treeDir, attempt)), digest, treeDir };
      } catch (error) {
        if (!(error instanceof Restarted) || restarts === maxRestarts) throw layerError(image, digest, error);
        removeTree(treeDir);
        attempt.undo();
      }
    }
  }

  async #unpack(task: Task, treeDir: string, budget: Attempt): Promise<UnpackedLayer> {
    const { registry, progress, log } = this.#options;
    const { digest } = task.descriptor;
    const unpacking = new LayerUnpacking({
      treeDir,
      digest,
      diffId: task.diffId,
      lowest: task.lowest,
      budget,
      warn: (message) => log.warn(`layer ${digest}: ${message}`),
    });
    try {
      await registry.download(task.descriptor, sinkOf(unpacking), {
        progress,
        label: `Downloading layer ${digest.slice(digest.indexOf(':') + 1).slice(0, 12)}`,
        signal: this.#cancelled.signal,
      });
      return await unpacking.finish();
    } finally {
      await unpacking.close();
    }
  }
}

/** What is wrong with a layer, as a sentence about the image; anything else as it is. */
export function layerError(image: string, digest: Digest, error: unknown): unknown {
  if (!(error instanceof ArchiveError)) return error;
  return imageError(image, `layer ${digest}: ${error.message}`, { cause: error.cause ?? error });
}

function sinkOf(unpacking: LayerUnpacking): Sink {
  const buffers = new BufferCount();
  return {
    write: (chunk) => {
      buffers.add(chunk.length);
      return unpacking.write(chunk);
    },
    restart: () => {
      throw new Restarted('the download began anew too often');
    },
  };
}
