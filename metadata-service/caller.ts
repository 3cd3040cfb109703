/**
 * Who is asking. A pod is known by the source address of its connection: the kernel's strict reverse-path filter lets that
 * address in by the pod's own link only. The token in the path names the pod as well, and is all there is to know a pod on
 * the host's network by. Where both are there, they must name the same pod.
 */

import { ServiceError } from './errors.ts';
import { hashToken, type Pod } from './pod.ts';

export interface PodLookup {
  byAddress(address: string): Pod | undefined;
  byTokenHash(hash: string): Pod | undefined;
}

export interface CallerClaims {
  /** Source address of the connection. */
  readonly address: string;
  /** The token in the path, if there was one. */
  readonly token: string | undefined;
}

export interface Caller {
  readonly pod: Pod;
  /** Whether the token was given, and was right. */
  readonly hasToken: boolean;
}

/**
 * The pod behind a request. Throws `unknown_caller`, `unknown_token`, `token_mismatch`; a token of a pod that has an address
 * is not taken from any other address, be it another pod's or nobody's.
 */
export function identifyCaller(pods: PodLookup, claims: CallerClaims): Caller {
  const byAddress = pods.byAddress(claims.address);
  if (claims.token === undefined) {
    if (byAddress === undefined) throw new ServiceError('unknown_caller');
    return { pod: byAddress, hasToken: false };
  }
  const byToken = pods.byTokenHash(hashToken(claims.token));
  if (byToken === undefined) throw new ServiceError('unknown_token');
  const isElsewhere = byToken.ip !== undefined && byToken.ip !== claims.address;
  if (isElsewhere || (byAddress !== undefined && byAddress !== byToken)) throw new ServiceError('token_mismatch');
  return { pod: byToken, hasToken: true };
}

/** Throws `token_required` where the token is missing and the pod, or the service as a whole, was started to insist on it. */
export function requireTokenIfTold(caller: Caller, requiredForAll: boolean): void {
  if (!caller.hasToken && (requiredForAll || caller.pod.requireToken)) throw new ServiceError('token_required');
}

/** Signatures are made and checked for holders of the token only: the address alone speaks for every process of the pod. */
export function requireToken(caller: Caller): void {
  if (!caller.hasToken) throw new ServiceError('token_required');
}
