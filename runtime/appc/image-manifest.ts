import { type Annotation, readAnnotations } from './annotations.ts';
import { type App, readApp } from './app.ts';
import { type Dependency, readDependencies } from './dependencies.ts';
import { parseDocument } from './document.ts';
import { encodeManifest } from './encode.ts';
import { absolutePath, type Field, present, shown } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';
import { type Label, readLabels } from './labels.ts';
import { readACVersion } from './version.ts';

/** The manifest of an App Container Image (aci.md, Image Manifest Schema). Lists that it leaves out are empty. */
export interface ImageManifest {
  acKind: 'ImageManifest';
  acVersion: string;
  name: ACIdentifier;
  labels: Label[];
  app?: App;
  annotations: Annotation[];
  dependencies: Dependency[];
  /** Absolute paths; empty: everything. */
  pathWhitelist: string[];
}

/** Checks `acKind`, which tells the two kinds of manifest apart. */
export function readKind<K extends string>(root: Field, kind: K): K {
  const field = root.member('acKind').required();
  if (field.value !== kind) field.fail(`must be "${kind}", is ${shown(field.value)}`);
  return kind;
}

/**
 * Parses an image manifest. Unknown members are ignored, so that newer versions of the schema can be read.
 * Throws EMANIFEST with a message that names the field and the reason.
 */
export function parseImageManifest(text: string | Uint8Array): ImageManifest {
  const root = parseDocument('image manifest', text);
  root.object();
  return present<ImageManifest>({
    acKind: readKind(root, 'ImageManifest'),
    acVersion: readACVersion(root.member('acVersion')),
    name: root.member('name').required().text(checkACIdentifier),
    labels: readLabels(root.member('labels')),
    app: root.member('app').optional(readApp),
    annotations: readAnnotations(root.member('annotations')),
    dependencies: readDependencies(root.member('dependencies')),
    pathWhitelist: root
      .member('pathWhitelist')
      .list()
      .map((item) => item.text(absolutePath)),
  });
}

/** JSON text of an image manifest. Where the original text is known, prefer it. */
export function encodeImageManifest(manifest: ImageManifest): string {
  return encodeManifest(manifest, ['exec']);
}
