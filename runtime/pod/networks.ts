/** What `--private-net`, `--net` and `--mds-register` ask for. */

import { RktError } from '../base/errors.ts';

/** `none` is a network namespace with nothing but its loopback. */
export type PodNetworking = 'host' | 'none' | 'default' | 'default-restricted';

const known: readonly PodNetworking[] = ['host', 'none', 'default', 'default-restricted'];

/**
 * The networking of a pod; `option` is how the user named it, for errors. `default-restricted` beside `default` is the same
 * as `default` alone, as in rkt. Errors: ENETWORK for networks that are not configured and for contradictions.
 */
export function parseNetworking(text: string, option: string): PodNetworking {
  const names = new Set(text.split(',').filter((name) => name !== ''));
  for (const name of names) {
    if (!known.some((candidate) => candidate === name)) {
      throw new RktError(`${option}: network "${name}" is not configured`, {
        code: 'ENETWORK',
        hint: `there are ${known.join(', ')}`,
      });
    }
  }
  const exclusive = (['host', 'none'] as const).find((name) => names.has(name));
  if (exclusive !== undefined && names.size > 1) {
    throw new RktError(`${option}: "${exclusive}" cannot be combined with other networks`, { code: 'ENETWORK' });
  }
  if (exclusive !== undefined) return exclusive;
  return names.has('default-restricted') && !names.has('default') ? 'default-restricted' : 'default';
}

/**
 * Whether the pod is registered with the metadata service: on a private network unless the user says no, otherwise only if
 * the user says so. Errors: ENETWORK where a pod could not reach the service.
 */
export function wantsRegistration(networking: PodNetworking, asked: boolean | undefined): boolean {
  if (networking === 'none' && asked === true) {
    throw new RktError('--mds-register: a pod without a network cannot reach the metadata service', {
      code: 'ENETWORK',
    });
  }
  return asked ?? (networking === 'default' || networking === 'default-restricted');
}
