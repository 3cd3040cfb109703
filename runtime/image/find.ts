/** From what a user calls an image to an image in the store. */

import { classifyImage } from '../appc/image-reference.ts';
import { RktError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { ImageInfo } from './image-info.ts';
import type { ImageStore } from './store.ts';

export interface FindOptions {
  /** Whether the user switched signature verification off. */
  readonly skipVerify: boolean;
  readonly log: Log;
}

/**
 * The image, imported first where it is a file. Errors: those of {@link classifyImage} and of the store; EVERIFY where an
 * image would have to be verified and cannot be.
 */
export async function findImage(store: ImageStore, text: string, options: FindOptions): Promise<ImageInfo> {
  const input = classifyImage(text);
  switch (input.kind) {
    case 'id':
    case 'name':
      return store.resolve(text);
    case 'file':
      return await importFile(store, input.path, options);
    case 'url':
    case 'docker':
      throw new RktError(`image ${text}: this version of rkt fetches no images over the network`, {
        code: 'ENOTSUP',
        hint: 'download the .aci file and give its path',
      });
  }
}

async function importFile(store: ImageStore, path: string, { skipVerify, log }: FindOptions): Promise<ImageInfo> {
  if (!skipVerify) {
    throw new RktError(`image ${path}: its signature cannot be verified`, {
      code: 'EVERIFY',
      hint: 'if you trust the file, switch verification off: -insecure-skip-verify or --insecure-options=image',
    });
  }
  log.info(`fetching image from file://${path}`);
  log.warn('signature verification has been disabled');
  return await store.importFile(path, { verification: 'disabled', log });
}
