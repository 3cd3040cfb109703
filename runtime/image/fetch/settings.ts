/** What the user decided about fetching. No code but defaults: `rkt run` of a stored image loads this. */

import type { Log } from '../../base/log.ts';
import type { Progress } from '../progress.ts';

/**
 * When the network is asked (rkt's image-fetching-behavior): never; when the store has no such image; or always, so that a
 * newer image is found.
 */
export const pullPolicies = ['never', 'new', 'update'] as const;
export type PullPolicy = (typeof pullPolicies)[number];

export interface FetchSettings {
  /** Checks that the user switched off; `image`, `http`, `tls` and `pubkey` matter here. */
  readonly insecure: ReadonlySet<string>;
  readonly trustKeysFromHttps: boolean;
  readonly systemConfig: string;
  readonly localConfig: string;
  readonly userConfig: string | undefined;
  readonly pullPolicy: PullPolicy;
  readonly progress: Progress;
  readonly log: Log;
}

export interface ImageSettings {
  /** File with the detached signature of this image, instead of the one that lies beside it. */
  readonly signature?: string | undefined;
}

/** The configuration directories, least specific first. */
export function configDirs({
  systemConfig,
  localConfig,
  userConfig,
}: Pick<FetchSettings, 'systemConfig' | 'localConfig' | 'userConfig'>): string[] {
  return [systemConfig, localConfig, ...(userConfig === undefined ? [] : [userConfig])];
}
