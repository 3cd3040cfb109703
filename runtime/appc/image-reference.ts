import { RktError } from '../base/errors.ts';
import { shown } from './field.ts';
import { type ACIdentifier, checkACIdentifier } from './identifiers.ts';
import { checkImageId, imageIdPrefix } from './image-id.ts';
import { checkLabelName, checkOsArch, type Label } from './labels.ts';

/** An image by its name: `example.com/app:v1,os=linux,arch=amd64`. The version is the label of that name. */
export interface ImageReference {
  name: ACIdentifier;
  labels: Label[];
}

/** What a user gave where an image is expected. */
export type ImageInput =
  | { kind: 'id'; id: string }
  | { kind: 'name'; reference: ImageReference }
  | { kind: 'file'; path: string }
  | { kind: 'url'; url: string }
  | { kind: 'docker'; url: string };

function fail(text: string, reason: string): never {
  throw new RktError(`image ${shown(text)}: ${reason}`, {
    code: 'EARGUMENT',
    hint: 'an image is named as in example.com/app:1.0,os=linux, or by its id, a file (./app.aci) or a URL',
  });
}

function parseLabel(text: string, part: string): Label {
  const equals = part.indexOf('=');
  if (equals < 0) fail(text, `the label ${shown(part)} has no "=value"`);
  const label = { name: part.slice(0, equals), value: part.slice(equals + 1) };
  const reason = checkLabelName(label.name);
  if (reason !== undefined) fail(text, `the label name ${shown(label.name)} is not possible: ${reason}`);
  if (label.value === '') fail(text, `the label ${shown(label.name)} has an empty value`);
  return label;
}

/** Parses `NAME[:VERSION][,LABEL=VALUE]...`. Throws EARGUMENT. */
export function parseImageReference(text: string): ImageReference {
  const [first = '', ...rest] = text.split(',');
  const colon = first.indexOf(':');
  const name = colon < 0 ? first : first.slice(0, colon);
  const reason = checkACIdentifier(name);
  if (reason !== undefined) fail(text, `the name ${shown(name)} is not possible: it ${reason}`);
  const labels = rest.map((part) => parseLabel(text, part));
  if (colon >= 0) {
    const version = first.slice(colon + 1);
    if (version === '') fail(text, 'there is no version after ":"');
    labels.unshift({ name: 'version', value: version });
  }
  const names = labels.map((label) => label.name);
  const twice = names.find((label, index) => names.indexOf(label) !== index);
  if (twice !== undefined) fail(text, `the label ${shown(twice)} is given twice`);
  const wrong = checkOsArch(labels);
  if (wrong !== undefined) fail(text, `the label "${wrong.name}" ${wrong.reason}`);
  return { name, labels };
}

const looksLikeFile = (text: string): boolean =>
  text.startsWith('/') || text.startsWith('./') || text.startsWith('../') || text.endsWith('.aci');

/**
 * Says what kind of thing a user named, by its spelling alone: `sha512-…`, a URL by its scheme, a file by `/`, `./`, `../`
 * or the suffix `.aci`; everything else is a name. Throws EARGUMENT where it is none of them.
 */
export function classifyImage(text: string): ImageInput {
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):\/\//.exec(text)?.[1]?.toLowerCase();
  if (scheme === 'docker') return { kind: 'docker', url: text };
  if (scheme === 'http' || scheme === 'https') return { kind: 'url', url: text };
  if (scheme === 'file') return { kind: 'file', path: fileOfUrl(text) };
  if (scheme !== undefined) fail(text, `rkt cannot fetch from ${shown(`${scheme}://`)}`);
  if (text.startsWith(imageIdPrefix) && checkImageId(text) === undefined) return { kind: 'id', id: text };
  if (looksLikeFile(text)) return { kind: 'file', path: text };
  if (/^sha[0-9]+-/.test(text)) fail(text, `the id ${checkImageId(text) ?? 'is not possible'}`);
  return { kind: 'name', reference: parseImageReference(text) };
}

function fileOfUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : fail(text, 'it is not a URL');
  if (url.host !== '') fail(text, 'a file URL must not name a host; write file:///path');
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    return fail(text, 'its path is not percent-encoded UTF-8');
  }
}
