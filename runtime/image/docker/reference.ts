/** References to images in registries: `docker://[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`. */

import { shown } from '../../appc/field.ts';
import { RktError } from '../../base/errors.ts';
import { checkDigest, type Digest } from './digest.ts';

/** Where Docker Hub answers. */
export const defaultRegistry = 'registry-1.docker.io';

/** Names under which people know Docker Hub. */
const hubNames = new Set(['docker.io', 'index.docker.io', 'registry.hub.docker.com']);

/** Names by which people may have configured something for the registry at `host`, its own first. */
export const namesOfRegistry = (host: string): readonly string[] =>
  host === defaultRegistry ? [defaultRegistry, ...hubNames] : [host];

export interface DockerReference {
  /** As the user wrote it. */
  readonly original: string;
  /** Host, with a port where one was given. */
  readonly registry: string;
  /** `library/busybox`, `user/project/image`. */
  readonly repository: string;
  /** Given, or `latest` where neither tag nor digest was. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

// The grammar of references that registries and their clients share (distribution/reference).
const componentPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const domainPattern =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:]+\])(?::([0-9]{1,5}))?$/;

/** Longest name of a repository, its host included. */
const maxName = 255;

function fail(text: string, reason: string): never {
  throw new RktError(`image ${shown(text)}: ${reason}`, {
    code: 'EARGUMENT',
    hint: 'an image in a registry is named as in docker://busybox, docker://quay.io/coreos/etcd:v3 or docker://host:5000/app@sha256:…',
  });
}

/** The first component is a host where it could not be the name of a user: as docker itself decides. */
const isHost = (component: string): boolean =>
  component === 'localhost' || /[.:[]/.test(component) || component !== component.toLowerCase();

function splitHost(text: string, name: string): [registry: string, repository: string] {
  const end = name.indexOf('/');
  const first = end < 0 ? '' : name.slice(0, end);
  if (!isHost(first)) return [defaultRegistry, name];
  const port = domainPattern.exec(first);
  if (port === null) fail(text, `the host ${shown(first)} is not possible`);
  if (port[1] !== undefined && (Number(port[1]) < 1 || Number(port[1]) > 65535)) {
    fail(text, `the port ${port[1]} is not possible: must be from 1 to 65535`);
  }
  const host = first.toLowerCase();
  return [hubNames.has(host) ? defaultRegistry : host, name.slice(end + 1)];
}

/** Takes what follows the last `mark` off; a ":" before a "/" belongs to a port. */
function takeSuffix(text: string, mark: '@' | ':'): [rest: string, suffix: string | undefined] {
  const at = mark === '@' ? text.indexOf('@') : text.lastIndexOf(':');
  if (at < 0 || (mark === ':' && text.indexOf('/', at) >= 0)) return [text, undefined];
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Parses a `docker://` URL; `docker:///name` is the same as `docker://name`. Throws EARGUMENT. */
export function parseDockerReference(text: string): DockerReference {
  const scheme = /^docker:\/\/\/?/i.exec(text)?.[0];
  if (scheme === undefined) fail(text, 'it does not begin with "docker://"');
  const [named, digest] = takeSuffix(text.slice(scheme.length), '@');
  const [name, tag] = takeSuffix(named, ':');
  const wrongDigest = digest === undefined ? undefined : checkDigest(digest);
  if (wrongDigest !== undefined) fail(text, `the digest ${shown(digest)} is not possible: it ${wrongDigest}`);
  if (tag !== undefined && !tagPattern.test(tag)) fail(text, `the tag ${shown(tag)} is not possible`);
  const [registry, path] = splitHost(text, name);
  const repository = registry === defaultRegistry && !path.includes('/') ? `library/${path}` : path;
  const wrong = repository.split('/').find((component) => !componentPattern.test(component));
  if (path === '' || wrong !== undefined) {
    fail(text, `the repository ${shown(path)} is not possible: names are lower-case letters, digits, ".", "_" and "-"`);
  }
  if (registry.length + repository.length >= maxName) fail(text, `the name is longer than ${maxName} characters`);
  return { original: text, registry, repository, tag: tag ?? (digest === undefined ? 'latest' : undefined), digest };
}

/** What a manifest is asked for by: the digest where one was given, for it says more than the tag. */
export function manifestReference(reference: DockerReference): string {
  return reference.digest ?? (reference.tag as string);
}
