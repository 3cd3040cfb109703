/** What the commands below `rkt image` share: finding images that are stored, without asking any network. */

import { classifyImage } from '../../../runtime/appc/image-reference.ts';
import { ImageFinder } from '../../../runtime/image/find.ts';
import type { ImageInfo } from '../../../runtime/image/image-info.ts';
import { ImageStore } from '../../../runtime/image/store.ts';
import { imageUse } from '../../../runtime/pod/image-use.ts';
import type { Context } from '../../context.ts';
import { fetchSettings } from '../../fetch-settings.ts';
import { type Option, type OptionValues, usageError } from '../../options.ts';

export const openStore = (context: Context): ImageStore => ImageStore.open(context.globals.dataDir);

/** What pods are made of, looked up each time it is called. */
export const useOf = (context: Context) => () => imageUse(context.globals.dataDir);

async function withFinder<T>(
  context: Context,
  store: ImageStore,
  work: (finder: ImageFinder) => Promise<T>,
): Promise<T> {
  const finder = new ImageFinder(store, fetchSettings(context, new Map([['pull-policy', 'never']])));
  try {
    return await work(finder);
  } finally {
    await finder.close();
  }
}

/** The stored image that a user names. Errors: ENOIMAGE, EAMBIGUOUS, EARGUMENT. */
export async function findStored(context: Context, store: ImageStore, text: string): Promise<ImageInfo> {
  const { kind } = classifyImage(text);
  if (kind === 'id' || kind === 'name') return store.resolve(text);
  return await withFinder(context, store, (finder) => finder.stored(text));
}

/** The same, for taking its files out: what was never verified is verified now. Errors: EVERIFY besides. */
export async function findVerified(context: Context, store: ImageStore, text: string): Promise<ImageInfo> {
  const { id } = await findStored(context, store, text);
  return await withFinder(context, store, (finder) => finder.find(id));
}

/** Exactly the arguments that a command wants. */
export function wantArguments(args: readonly string[], names: readonly string[], command: string): string[] {
  if (args.length === names.length) return [...args];
  throw usageError(`rkt ${command} takes ${names.join(' and ')}`, `the form is: rkt ${command} ${names.join(' ')}`);
}

export const overwriteOption: Option = { name: 'overwrite', type: 'switch', description: 'replace what is there' };

export const rootfsOnlyOption: Option = {
  name: 'rootfs-only',
  type: 'switch',
  description: 'write the root filesystem only, without the manifest',
};

/** A list of words in one or several options, separated by commas. */
export const wordsOf = (values: OptionValues, name: string): string[] =>
  String(values.get(name) ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
