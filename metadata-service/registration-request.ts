/** The body of a registration, checked field by field. docs/metadata-service.md describes it. */

import { isIPv4 } from 'node:net';
import { Field } from '../runtime/appc/field.ts';
import { isFullImageId, isUuid, parseImageManifest, parsePodManifest, type RuntimeApp } from '../runtime/appc/index.ts';
import { messageOf } from '../runtime/base/errors.ts';
import type { AppImage } from './documents.ts';
import { ServiceError } from './errors.ts';
import { hashToken, type Registration } from './pod.ts';

/** 22 characters of base64url carry 128 bits and more. */
const tokenPattern = /^[A-Za-z0-9_-]{22,128}$/;

/** Parses the JSON text of a registration. Throws `invalid_registration` with the field and the reason. */
export function parseRegistration(text: string): Registration {
  try {
    return readRegistration(new Field('registration', '', JSON.parse(text)));
  } catch (error) {
    throw new ServiceError('invalid_registration', messageOf(error));
  }
}

function readRegistration(root: Field): Registration {
  const ip = root
    .member('ip')
    .optional((field) => field.text(rule(isUsableAddress, 'must be an IPv4 address of a pod')));
  const hostInterface = root
    .member('hostInterface')
    .optional((field) => field.text(rule(isLinkName, 'must be a link name')));
  const dir = root
    .member('dir')
    .optional((field) => field.text(rule((path) => path.startsWith('/'), 'must be an absolute path')));
  const manifest = root.member('podManifest').required();
  const podManifest = manifest.text();
  const apps = parsed(manifest, () => parsePodManifest(podManifest)).apps;
  return {
    uuid: root.member('uuid').required().text(rule(isUuid, 'must be a uuid in canonical form')),
    ...(ip === undefined ? {} : { ip }),
    ...(hostInterface === undefined ? {} : { hostInterface }),
    tokenHash: readTokenHash(root.member('token').required()),
    requireToken: root.member('requireToken').required().boolean(),
    podManifest,
    images: readImages(root.member('images').required(), apps),
    ...(dir === undefined ? {} : { dir }),
  };
}

/** The token is a secret: unlike other values it is not repeated in the error. */
function readTokenHash(field: Field): string {
  if (typeof field.value !== 'string' || !tokenPattern.test(field.value)) {
    field.fail('must be 22 to 128 characters of base64url, which is at least 128 bits');
  }
  return hashToken(field.value);
}

/** One image per app, and none besides. */
function readImages(field: Field, apps: readonly RuntimeApp[]): Record<string, AppImage> {
  const names = new Set(apps.map((app) => app.name));
  for (const name of Object.keys(field.object())) {
    if (!names.has(name)) field.fail(`has an entry for "${name}", which is no app of the pod manifest`);
  }
  return Object.fromEntries(apps.map((app) => [app.name, readImage(field.member(app.name).required(), app)]));
}

function readImage(field: Field, app: RuntimeApp): AppImage {
  const id = field.member('id').required().text(rule(isFullImageId, 'must be a full image id'));
  if (id !== app.image.id) field.member('id').fail(`must be the id in the pod manifest, ${app.image.id}`);
  const manifestField = field.member('manifest').required();
  const manifest = manifestField.text();
  parsed(manifestField, () => parseImageManifest(manifest));
  return { id, manifest };
}

function parsed<T>(field: Field, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    return field.fail(messageOf(error));
  }
}

function rule(holds: (text: string) => boolean, otherwise: string): (text: string) => string | undefined {
  return (text) => (holds(text) ? undefined : otherwise);
}

/** An address that a pod can have on a link: not this network, loopback, link-local, multicast or reserved. */
function isUsableAddress(text: string): boolean {
  if (!isIPv4(text)) return false;
  const [first = 0, second = 0] = text.split('.').map(Number);
  return first > 0 && first !== 127 && first < 224 && !(first === 169 && second === 254);
}

/** dev_valid_name() of the kernel, without the characters that are odd in a log. */
function isLinkName(text: string): boolean {
  return /^[A-Za-z0-9_.@-]{1,15}$/.test(text) && text !== '.' && text !== '..';
}
