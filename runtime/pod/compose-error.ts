import { RktError } from '../base/errors.ts';

/** What makes no pod. */
export const composeError = (message: string, hint?: string): RktError =>
  new RktError(message, hint === undefined ? { code: 'ECOMPOSE' } : { code: 'ECOMPOSE', hint });
