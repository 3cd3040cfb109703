/** What a pod can read about itself, made once at registration: a request costs a look-up and a write. */

import { type Annotation, parseImageManifest, parsePodManifest } from '../runtime/appc/index.ts';

/** An answer with status 200, ready to be sent. */
export interface Document {
  readonly headers: Readonly<Record<string, string | number>>;
  /** A short text, which node sends together with the headers in one write, or the bytes of a long one, which are never copied. */
  readonly body: string | Buffer;
}

export interface AppDocuments {
  readonly annotations: Document;
  readonly imageManifest: Document;
  readonly imageId: Document;
}

export interface PodDocuments {
  readonly uuid: Document;
  readonly manifest: Document;
  readonly annotations: Document;
  readonly apps: ReadonlyMap<string, AppDocuments>;
}

export interface AppImage {
  /** The full image id. */
  readonly id: string;
  /** The original JSON text of the image manifest. */
  readonly manifest: string;
}

/** The content type of everything that is not JSON (App Container specification, ace.md). */
export const plainText = 'text/plain; charset=us-ascii';

/** Sent with every answer: nothing of this belongs into a cache or may be taken for something else. */
export const commonHeaders = { 'Cache-Control': 'no-store', 'X-Content-Type-Options': 'nosniff' } as const;

const shortBytes = 4096;

export function createDocument(contentType: string, text: string): Document {
  const length = Buffer.byteLength(text);
  const headers = { ...commonHeaders, 'Content-Type': contentType, 'Content-Length': length };
  return { headers, body: length <= shortBytes ? text : Buffer.from(text) };
}

/**
 * The documents of a pod. `podManifest` is the JSON text of the reified manifest and is served as it stands; `images` has an
 * entry per app. Throws EMANIFEST, which names field and reason, where a manifest is not valid.
 */
export function createPodDocuments(
  uuid: string,
  podManifest: string,
  images: ReadonlyMap<string, AppImage>,
): PodDocuments {
  const pod = parsePodManifest(podManifest);
  const apps = new Map<string, AppDocuments>();
  for (const app of pod.apps) {
    const image = images.get(app.name);
    if (image === undefined) throw new Error(`no image was given for the app ${app.name}`);
    const manifest = parseImageManifest(image.manifest);
    apps.set(app.name, {
      annotations: createJson(mergeAnnotations(manifest.annotations, app.annotations)),
      imageManifest: createDocument('application/json', image.manifest),
      imageId: createDocument(plainText, image.id),
    });
  }
  return {
    uuid: createDocument(plainText, uuid),
    manifest: createDocument('application/json', podManifest),
    annotations: createJson(pod.annotations),
    apps,
  };
}

/** The annotations of an image with those that the pod has for the app: a name that both have gets the pod's value. */
export function mergeAnnotations(ofImage: readonly Annotation[], ofApp: readonly Annotation[]): Annotation[] {
  const merged = new Map(ofImage.map(({ name, value }) => [name, value]));
  for (const { name, value } of ofApp) merged.set(name, value);
  return Array.from(merged, ([name, value]) => ({ name, value }));
}

function createJson(value: unknown): Document {
  return createDocument('application/json', JSON.stringify(value));
}
