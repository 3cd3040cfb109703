import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  type CallerClaims,
  identifyCaller,
  requireToken,
  requireTokenIfTold,
} from '../../../metadata-service/caller.ts';
import type { Registry } from '../../../metadata-service/registry.ts';
import { addressOf, createRegistry, recordOf, TestLease, tokenOf, uuidOf } from './fixtures.ts';

let registry: Registry;

beforeEach(async () => {
  registry = createRegistry();
  await registry.register(recordOf(1), new TestLease());
  await registry.register(recordOf(2, { requireToken: true }), new TestLease());
  const { ip: _, ...onHostNetwork } = recordOf(3);
  await registry.register(onHostNetwork, new TestLease());
});

function who(address: string, token?: string): string {
  const { pod, hasToken } = identifyCaller(registry, { address, token } satisfies CallerClaims);
  return `${pod.uuid}${hasToken ? ' by token' : ''}`;
}

describe('identifyCaller', () => {
  test('by address, by address and token, and by token alone where the pod has no address', () => {
    expect(who(addressOf(1))).toBe(uuidOf(1));
    expect(who(addressOf(1), tokenOf(1))).toBe(`${uuidOf(1)} by token`);
    expect(who('169.254.169.255', tokenOf(3))).toBe(`${uuidOf(3)} by token`);
  });

  test.each([
    ['an address of nobody', '10.28.0.99', undefined, 'unknown_caller'],
    ['a token of nobody', addressOf(1), tokenOf(99), 'unknown_token'],
    ['another pod’s token', addressOf(1), tokenOf(2), 'token_mismatch'],
    ['a host pod’s token from a pod with an address', addressOf(1), tokenOf(3), 'token_mismatch'],
    ['a stolen token from an address of nobody', '169.254.169.255', tokenOf(1), 'token_mismatch'],
    ['a host pod without its token', '169.254.169.255', undefined, 'unknown_caller'],
  ])('refuses %s', (_, address, token, code) => {
    expect(() => who(address, token)).toThrow(expect.objectContaining({ code, status: 403 }));
  });
});

describe('the need for a token', () => {
  const caller = (n: number, token?: string) => identifyCaller(registry, { address: addressOf(n), token });

  test('reading needs it where the pod or the service insists', () => {
    expect(() => requireTokenIfTold(caller(1), false)).not.toThrow();
    expect(() => requireTokenIfTold(caller(1), true)).toThrow(expect.objectContaining({ code: 'token_required' }));
    expect(() => requireTokenIfTold(caller(2), false)).toThrow(expect.objectContaining({ code: 'token_required' }));
    expect(() => requireTokenIfTold(caller(2, tokenOf(2)), true)).not.toThrow();
  });

  test('signing always needs it', () => {
    expect(() => requireToken(caller(1))).toThrow(expect.objectContaining({ code: 'token_required', status: 403 }));
    expect(() => requireToken(caller(1, tokenOf(1)))).not.toThrow();
  });
});
