/** Bringing the layers of an image into the store: several at once, each one only where it is not there already. */

import { removeTree } from '../../../native/fs.ts';
import type { Log } from '../../base/log.ts';
import { ArchiveError } from '../errors.ts';
import type { Sink } from '../http/types.ts';
import { commitLayer, stageLayers } from '../layers.ts';
import type { Progress } from '../progress.ts';
import type { ImageStore } from '../store.ts';
import { allowedBytes } from '../store-dirs.ts';
import { Budget } from './budget.ts';
import type { Digest } from './digest.ts';
import { imageError } from './errors.ts';
import { BufferCount } from './garbage.ts';
import { LayerUnpacking, type UnpackedLayer } from './layer-unpacking.ts';
import type { Descriptor } from './manifest.ts';
import type { Registry } from './registry.ts';
import { lowestTreeIdOf, storedTreeId, treeIdOf } from './tree-ids.ts';

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
  readonly name: string;
}

/**
 * Puts all layers into the store and returns the ids of their trees, in the order of `sources` (the lowest first). Errors:
 * EIMAGE for layers that are not what they should be, those of the registry and of the HTTP client, system errors of the store.
 */
export async function fetchLayers(sources: readonly LayerSource[], options: FetchLayersOptions): Promise<string[]> {
  const ids = new Map<Digest, string>();
  const tasks: Task[] = [];
  sources.forEach((source, index) => {
    const key = keyOf(source.diffId, index === 0);
    const stored = storedTreeId(options.store, source.diffId, index === 0);
    if (stored !== undefined) ids.set(key, stored);
    else if (!tasks.some((task) => keyOf(task.diffId, task.lowest) === key)) {
      tasks.push({ ...source, lowest: index === 0, name: String(index) });
    }
  });
  if (tasks.length > 0) {
    const fetched = await new Fetching(options).run(tasks);
    for (const [key, id] of fetched) ids.set(key, id);
  }
  return sources.map(({ diffId }, index) => ids.get(keyOf(diffId, index === 0)) as string);
}

const keyOf = (diffId: Digest, lowest: boolean): string => (lowest ? `lowest ${diffId}` : diffId);

class Fetching {
  readonly #options: FetchLayersOptions;
  readonly #cancelled = new AbortController();
  readonly #fetched = new Map<string, string>();

  constructor(options: FetchLayersOptions) {
    this.#options = options;
  }

  async run(tasks: readonly Task[]): Promise<ReadonlyMap<string, string>> {
    const staging = stageLayers(this.#options.store);
    try {
      const budget = Budget.of(allowedBytes(staging.path));
      // The largest first, so that all end at about the same time.
      const queue = tasks.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
      const place = { staging: staging.path, budget };
      const lines = Array.from({ length: maxLayersAtOnce }, async () => {
        try {
          for (let task = queue.shift(); task !== undefined; task = queue.shift()) await this.#fetchOnce(task, place);
        } catch (error) {
          queue.length = 0;
          this.#cancelled.abort(error);
          throw error;
        }
      });
      const results = await Promise.allSettled(lines);
      // The first failure is what the others were cancelled for.
      if (this.#cancelled.signal.aborted) throw this.#cancelled.signal.reason;
      for (const result of results) if (result.status === 'rejected') throw result.reason;
      return this.#fetched;
    } finally {
      staging.remove();
    }
  }

  /** Under a lock, so that of two processes that want the same layer one fetches it. */
  async #fetchOnce(task: Task, place: Place): Promise<void> {
    const { store, log } = this.#options;
    const key = keyOf(task.diffId, task.lowest);
    const waiting = (): void => log.info(`waiting for another rkt that fetches layer ${task.descriptor.digest}`);
    await store.exclusively(
      `layer ${key}`,
      async () => {
        const known = storedTreeId(store, task.diffId, task.lowest);
        this.#fetched.set(key, known ?? (await this.#fetch(task, place)));
      },
      waiting,
    );
  }

  async #fetch(task: Task, place: Place): Promise<string> {
    const { store, announce } = this.#options;
    const { digest } = task.descriptor;
    announce(digest);
    for (let restarts = 0; ; restarts++) {
      const treeDir = `${place.staging}/${task.name}-${restarts}`;
      try {
        const layer = await this.#unpack(task, treeDir, place);
        const id = task.lowest && layer.whiteouts > 0 ? lowestTreeIdOf(task.diffId) : treeIdOf(task.diffId);
        commitLayer(store, treeDir, id);
        return id;
      } catch (error) {
        if (!(error instanceof Restarted) || restarts === maxRestarts) throw this.#explained(error, digest);
        removeTree(treeDir);
      }
    }
  }

  async #unpack(task: Task, treeDir: string, { budget }: Place): Promise<UnpackedLayer> {
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

  #explained(error: unknown, digest: Digest): unknown {
    if (!(error instanceof ArchiveError)) return error;
    return imageError(this.#options.image, `layer ${digest}: ${error.message}`, { cause: error.cause ?? error });
  }
}

interface Place {
  readonly staging: string;
  readonly budget: Budget;
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
