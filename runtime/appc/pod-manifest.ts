import { type Annotation, readAnnotations } from './annotations.ts';
import { type App, readApp } from './app.ts';
import { parseDocument } from './document.ts';
import { encodeManifest } from './encode.ts';
import { absolutePath, type Field, present, requireUnique } from './field.ts';
import { type ACIdentifier, type ACName, checkACIdentifier, checkACName } from './identifiers.ts';
import { checkImageId, type ImageId } from './image-id.ts';
import { readKind } from './image-manifest.ts';
import { type Isolator, readIsolators } from './isolators.ts';
import { type Label, readLabels } from './labels.ts';
import { type ExposedPort, readExposedPorts } from './port.ts';
import { readACVersion } from './version.ts';
import { readVolume, readVolumes, type Volume } from './volume.ts';

/** The image of an app in a pod. In a reified manifest `id` is a full id. */
export interface RuntimeImage {
  name?: ACIdentifier;
  id: ImageId;
  labels: Label[];
}

/** Where a volume appears in an app's filesystem. */
export interface Mount {
  volume: ACName;
  path: string;
  /** Takes the place of the pod's volume of that name. */
  appVolume?: Volume;
}

/** An app of a pod. */
export interface RuntimeApp {
  name: ACName;
  image: RuntimeImage;
  /** Takes the place of the whole `app` of the image manifest. */
  app?: App;
  readOnlyRootFS?: boolean;
  mounts: Mount[];
  annotations: Annotation[];
}

/** The manifest of a pod (pods.md, Pod Manifest Schema). Lists that it leaves out are empty. */
export interface PodManifest {
  acVersion: string;
  acKind: 'PodManifest';
  apps: RuntimeApp[];
  volumes: Volume[];
  isolators: Isolator[];
  annotations: Annotation[];
  ports: ExposedPort[];
  userAnnotations: Record<string, string>;
  userLabels: Record<string, string>;
}

function readRuntimeImage(field: Field): RuntimeImage {
  return present<RuntimeImage>({
    name: field.member('name').optional((value) => value.text(checkACIdentifier)),
    id: field.member('id').required().text(checkImageId),
    labels: readLabels(field.member('labels')),
  });
}

function readMount(field: Field): Mount {
  return present<Mount>({
    volume: field.member('volume').required().text(checkACName),
    path: field.member('path').required().text(absolutePath),
    appVolume: field.member('appVolume').optional(readVolume),
  });
}

function readRuntimeApp(field: Field): RuntimeApp {
  return present<RuntimeApp>({
    name: field.member('name').required().text(checkACName),
    image: readRuntimeImage(field.member('image').required()),
    app: field.member('app').optional(readApp),
    readOnlyRootFS: field.member('readOnlyRootFS').optional((value) => value.boolean()),
    mounts: field.member('mounts').list().map(readMount),
    annotations: readAnnotations(field.member('annotations')),
  });
}

function readApps(field: Field): RuntimeApp[] {
  const fields = field.required().list();
  const apps = fields.map(readRuntimeApp);
  requireUnique(fields, apps, (app) => app.name);
  return apps;
}

/** Parses a pod manifest. Throws EMANIFEST with a message that names the field and the reason. */
export function parsePodManifest(text: string | Uint8Array): PodManifest {
  const root = parseDocument('pod manifest', text);
  root.object();
  return {
    acVersion: readACVersion(root.member('acVersion')),
    acKind: readKind(root, 'PodManifest'),
    apps: readApps(root.member('apps')),
    volumes: readVolumes(root.member('volumes')),
    isolators: readIsolators(root.member('isolators')),
    annotations: readAnnotations(root.member('annotations')),
    ports: readExposedPorts(root.member('ports')),
    userAnnotations: root.member('userAnnotations').optional((value) => value.textMap()) ?? {},
    userLabels: root.member('userLabels').optional((value) => value.textMap()) ?? {},
  };
}

/** JSON text of a pod manifest. */
export function encodePodManifest(manifest: PodManifest): string {
  return encodeManifest(manifest, ['apps', 'exec']);
}
