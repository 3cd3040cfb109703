/** The options by which commands say how images are fetched, and what they mean. */

import type { FetchSettings, ImageSettings, PullPolicy } from '../runtime/image/fetch/settings.ts';
import { pullPolicies } from '../runtime/image/fetch/settings.ts';
import { createProgress, type Progress } from '../runtime/image/progress.ts';
import type { Context } from './context.ts';
import { getSwitch, getValue, type Option, type OptionValues, usageError } from './options.ts';

/** `--pull-policy`, and the older names of its values. */
export const fetchOptions = (policy: PullPolicy): readonly Option[] => [
  {
    name: 'pull-policy',
    type: 'value',
    placeholder: 'POLICY',
    default: policy,
    description: 'when to ask the network: never, new (the store has no such image) or update (always)',
  },
  { name: 'store-only', type: 'switch', hidden: true, description: 'the same as --pull-policy=never' },
  { name: 'no-store', type: 'switch', hidden: true, description: 'the same as --pull-policy=update' },
];

/** `--signature`, which stands after an image. */
export const signatureOption: Option = {
  name: 'signature',
  type: 'value',
  placeholder: 'FILE',
  description: 'verify the image before it by the detached signature in FILE',
};

function pullPolicy(values: OptionValues): PullPolicy {
  const only = getSwitch(values, 'store-only');
  const ignore = getSwitch(values, 'no-store');
  if (only && ignore) throw usageError('--store-only and --no-store cannot stand together');
  if (only || ignore) return only ? 'never' : 'update';
  const text = getValue(values, 'pull-policy');
  const policy = pullPolicies.find((known) => known === text);
  if (policy === undefined) {
    throw usageError(`invalid value "${text}" for --pull-policy: must be ${pullPolicies.join(', ')}`);
  }
  return policy;
}

/** Errors: EUSAGE. */
export function fetchSettings(context: Context, values: OptionValues): FetchSettings {
  const { insecure, trustKeysFromHttps, systemConfig, localConfig, userConfig } = context.globals;
  let progress: Progress | undefined;
  return {
    insecure,
    trustKeysFromHttps,
    systemConfig,
    localConfig,
    userConfig,
    pullPolicy: pullPolicy(values),
    // Made when something is transferred: node's streams take some milliseconds, which a start that fetches nothing need not spend.
    get progress() {
      const terminal = process.stderr.isTTY === true;
      progress ??= createProgress({ write: context.err, terminal, now: () => Date.now() });
      return progress;
    },
    log: context.log,
  };
}

/** What an image's own options say. */
export const imageSettings = (values: OptionValues): ImageSettings => ({ signature: getValue(values, 'signature') });
