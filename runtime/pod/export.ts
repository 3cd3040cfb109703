/** `rkt export`: the root filesystem of an app as the app left it, as an image. */

import { existsSync, lstatSync, readFileSync } from 'node:fs';
import { encodeManifest } from '../appc/encode.ts';
import { parseImageManifest } from '../appc/image-manifest.ts';
import { type PodManifest, parsePodManifest, type RuntimeApp } from '../appc/pod-manifest.ts';
import { messageOf, RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { podFiles } from '../base/paths.ts';
import type { Layer } from '../image/render/merged-view.ts';
import type { ImageStore } from '../image/store.ts';
import { rootfsOf } from '../image/tree-check.ts';
import { appTrees } from './app-trees.ts';
import { damaged } from './damaged.ts';
import { type HeldPod, release, tryHold } from './pod-dir.ts';
import { readSettings } from './pod-settings.ts';
import { manifestText, type PodEntry } from './pods.ts';
import { hasExited } from './state.ts';

export interface ExportOptions {
  readonly dataDir: string;
  readonly store: ImageStore;
  /** Undefined: the only one. */
  readonly app: string | undefined;
  /** Replace the output where it exists. */
  readonly overwrite: boolean;
  readonly log: Log;
}

/** Errors: EBUSY, EAPP, EDAMAGED, EOUTPUT, EIMAGE. */
export async function exportApp(entry: PodEntry, output: string, options: ExportOptions): Promise<void> {
  const pod = hold(entry, options.dataDir);
  try {
    const app = chooseApp(readManifest(entry), options.app);
    const layers = await layersOf(pod, app.name, options.store);
    const { buildAci, writeOutput } = await import('../image/manage/index.ts');
    await writeOutput(output, options, async (unfinished) => {
      await buildAci({
        rootfs: layers,
        manifest: exportedManifest(pod, app),
        output: unfinished,
        leaveOut: madeByRkt(pod, app.name, layers),
        ...shiftOf(pod, app.name),
        onUnfit: (path, reason) => options.log.warn(`${path} is left out: ${reason}`),
      });
    });
  } finally {
    release(pod);
  }
}

/** A shared lock: nobody removes the pod meanwhile, and it does not look as if it ran. */
function hold({ uuid, phase, state }: PodEntry, dataDir: string): HeldPod {
  const pod = hasExited(state) ? tryHold(dataDir, phase, uuid, 'shared') : undefined;
  if (pod !== undefined) return pod;
  throw new RktError(`pod ${uuid} cannot be exported: its state is "${state}"`, {
    code: 'EBUSY',
    hint:
      state === 'running'
        ? `its files change while it runs; stop it first: rkt stop ${uuid.slice(0, 8)}`
        : 'only pods that have exited can be',
  });
}

function readManifest(pod: PodEntry): PodManifest {
  try {
    return parsePodManifest(manifestText(pod) ?? '');
  } catch (cause) {
    throw damaged(podFiles.manifest(pod.dir), messageOf(cause), cause);
  }
}

function chooseApp({ apps }: PodManifest, wanted: string | undefined): RuntimeApp {
  const names = apps.map(({ name }) => name).join(', ');
  if (wanted !== undefined) {
    const app = apps.find(({ name }) => name === wanted);
    if (app !== undefined) return app;
    throw new RktError(`the pod has no app "${wanted}"`, { code: 'EAPP', hint: `it has ${names}` });
  }
  const [only, ...others] = apps;
  if (only !== undefined && others.length === 0) return only;
  throw new RktError(`the pod has ${apps.length} apps`, { code: 'EAPP', hint: `choose one with --app: ${names}` });
}

/** What the app ran on, topmost first: its copy, or what it wrote over the trees of its image. */
async function layersOf(pod: HeldPod, app: string, store: ImageStore): Promise<Layer[]> {
  const copy = podFiles.rootCopy(pod.dir, app);
  if (existsSync(copy)) return [{ root: Buffer.from(copy), plain: true }];
  const { storeLayer } = await import('../image/render/index.ts');
  const lowers = appTrees(pod.dir, app).map((tree) => {
    if (!store.hasLayer(tree)) throw damaged(store.treeDir(tree), 'it is missing');
    return storeLayer(rootfsOf(store.treeDir(tree)));
  });
  return [{ root: Buffer.from(`${podFiles.overlayDir(pod.dir, app)}/upper`) }, ...lowers];
}

/** What an app of a pod with private users wrote over its image has ids of the host; its copy of one has not. */
function shiftOf(pod: HeldPod, app: string): { shifted?: { root: string; by: number } } {
  const { privateUsers } = readSettings(pod.dir);
  if (privateUsers === undefined) return {};
  return { shifted: { root: `${podFiles.overlayDir(pod.dir, app)}/upper`, by: privateUsers.shift } };
}

/**
 * The manifest of the image, for the whole of its files: what came from dependencies is in the image itself now, and new files are in
 * no whitelist. Options of `rkt run` are not in it, except where the image does not say what to execute.
 */
function exportedManifest(pod: HeldPod, { name, app }: RuntimeApp): string {
  const file = podFiles.imageManifest(pod.dir, name);
  try {
    const text = readFileSync(file, 'utf8');
    const { app: own } = parseImageManifest(text);
    const { dependencies: _, pathWhitelist: __, ...rest } = JSON.parse(text) as Record<string, unknown>;
    return own === undefined ? encodeManifest({ ...rest, app }, ['exec']) : JSON.stringify(rest);
  } catch (cause) {
    throw damaged(file, messageOf(cause), cause);
  }
}

/** What stage1 makes in a root filesystem that has no such file (docs/launch-plan.md, FILE): it is about this pod, not the image. */
const ownFiles = ['etc/hosts', 'etc/resolv.conf', 'etc/hostname'];

/** Those of them that nobody has touched since the app was started. */
function madeByRkt(pod: HeldPod, app: string, [top]: readonly Layer[]): ReadonlySet<string> {
  const started = lstatSync(podFiles.appPid(pod.dir, app), { bigint: true, throwIfNoEntry: false });
  if (top === undefined || started === undefined) return new Set();
  return new Set(
    ownFiles.filter((path) => {
      const status = lstatSync(`${top.root.toString()}/${path}`, { bigint: true, throwIfNoEntry: false });
      const prepared = lstatSync(podFiles.manifest(pod.dir), { bigint: true }).mtimeNs;
      return status?.isFile() === true && status.mtimeNs >= prepared && status.mtimeNs <= started.mtimeNs;
    }),
  );
}
