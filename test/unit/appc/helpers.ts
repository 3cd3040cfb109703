import { isRktError } from '../../../runtime/base/errors.ts';

/** What a call throws, as `code: message`; fails the test where it throws nothing of ours. */
export function errorOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (isRktError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** A minimal valid image manifest with `members` added. */
export const imageManifest = (members: object = {}): string =>
  JSON.stringify({ acKind: 'ImageManifest', acVersion: '0.8.11', name: 'example.com/app', ...members });

/** The same whose app has `members`. */
export const withApp = (members: object): string =>
  imageManifest({ app: { exec: ['/bin/true'], user: '0', group: '0', ...members } });

/** A minimal valid pod manifest with `members` added. */
export const podManifest = (members: object = {}): string =>
  JSON.stringify({ acKind: 'PodManifest', acVersion: '0.8.11', apps: [], ...members });

export const someId = `sha512-${'0123456789abcdef'.repeat(8)}`;
