import { RktError } from '../../base/errors.ts';

/** A registry, or what it sent, does not do what it should. `image` is the reference as the user gave it. */
export function imageError(image: string, reason: string, options: { hint?: string; cause?: unknown } = {}): RktError {
  return new RktError(`cannot fetch ${image}: ${reason}`, { code: 'EIMAGE', ...options });
}

/** The registry refused, failed or could not be understood. */
export function registryError(
  image: string,
  reason: string,
  options: { hint?: string; cause?: unknown } = {},
): RktError {
  return new RktError(`cannot fetch ${image}: ${reason}`, { code: 'EREGISTRY', ...options });
}
