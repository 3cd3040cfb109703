/**
 * What an image's root filesystem consists of (ace.md, Filesystem Setup): the trees of its dependencies, depth first in the
 * order in which they are listed, each overridden by what comes after it, and its own on top.
 */

import type { Dependency } from '../appc/dependencies.ts';
import { RktError } from '../base/errors.ts';
import type { ImageInfo } from './image-info.ts';
import { maxDependencyDepth, maxStack } from './limits.ts';

/** One tree of the stack, and what of it may be seen. */
export interface StackEntry {
  readonly tree: string;
  readonly image: ImageInfo;
  /** Path whitelists of the image itself and of all images on the way to it that have one; all of them apply. */
  readonly whitelists: readonly (readonly string[])[];
}

/** Finds the image that a dependency means; undefined where it is not in the store. */
export type FindDependency = (dependency: Dependency) => ImageInfo | undefined;

const label = ({ name, value }: { name: string; value: string }): string => `,${name}=${value}`;
const shown = ({ imageName, labels }: Dependency): string => `${imageName}${labels.map(label).join('')}`;

function fail(info: ImageInfo, reason: string, hint?: string): never {
  const options = { code: 'EDEPENDENCY', ...(hint === undefined ? {} : { hint }) };
  throw new RktError(`image ${info.name}: ${reason}`, options);
}

/**
 * The stack, topmost first; an image that is reached on several ways is in it several times. Throws EDEPENDENCY where an image
 * is missing, depends on itself, or where the stack becomes deeper or higher than is allowed.
 */
export function stackOf(info: ImageInfo, find: FindDependency): StackEntry[] {
  const entries: StackEntry[] = [];

  function visit(image: ImageInfo, path: readonly ImageInfo[], above: readonly (readonly string[])[]): void {
    if (path.some(({ id }) => id === image.id)) {
      fail(info, `its dependencies go in a circle: ${[...path, image].map(({ name }) => name).join(' → ')}`);
    }
    if (path.length > maxDependencyDepth)
      fail(info, `its dependencies are more than ${maxDependencyDepth} levels deep`);
    const { pathWhitelist, dependencies } = image.manifest;
    const whitelists = pathWhitelist.length === 0 ? above : [...above, pathWhitelist];
    for (const tree of image.layers) entries.push({ tree, image, whitelists });
    if (entries.length > maxStack) fail(info, `it consists of more than ${maxStack} parts`);
    for (const dependency of dependencies.toReversed()) {
      const found =
        find(dependency) ??
        fail(info, `its dependency ${shown(dependency)} is not in the store`, `try "rkt fetch ${shown(dependency)}"`);
      visit(found, [...path, image], whitelists);
    }
  }

  visit(info, [], []);
  return entries;
}

/** The images of a stack, each once, in its order. */
export function imagesOf(stack: readonly StackEntry[]): ImageInfo[] {
  return [...new Map(stack.map(({ image }) => [image.id, image])).values()];
}

/** The id of the tree that the stack has to be rendered to; undefined where overlaying its trees does the same. */
export function renderedId(stack: readonly StackEntry[]): string | undefined {
  if (stack.every(({ whitelists }) => whitelists.length === 0)) return undefined;
  // Loaded only for such images: it is on the way of every start of a pod (see base/random.ts).
  const { createHash } = process.getBuiltinModule('node:crypto');
  const text = JSON.stringify(stack.map(({ tree, whitelists }) => [tree, whitelists]));
  return `rendered-${createHash('sha512').update(text).digest('hex')}`;
}
