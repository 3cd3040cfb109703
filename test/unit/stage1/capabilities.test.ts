import { describe, expect, test } from '@jest/globals';
import type { App } from '../../../runtime/appc/app.ts';
import { parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import {
  allCapabilities,
  boundingSet,
  capabilityBits,
  defaultCapabilities,
  noNewPrivileges,
} from '../../../runtime/stage1/capabilities.ts';

function app(isolators: object[]): App {
  const manifest = {
    acKind: 'ImageManifest',
    acVersion: '0.8.11',
    name: 'a',
    app: { exec: ['/a'], user: '0', group: '0', isolators },
  };
  return parseImageManifest(JSON.stringify(manifest)).app as App;
}

describe('capabilities', () => {
  test('the default set is the 14 of the specification, by the numbers of the kernel', () => {
    expect(defaultCapabilities.toString(16)).toBe('a80425fb');
    expect(allCapabilities.toString(16)).toBe('1ffffffffff');
  });

  test('retain is exact, remove takes away from the default', () => {
    const isolator = (name: string, set: string[]) => [{ name: `os/linux/capabilities-${name}-set`, value: { set } }];
    expect(boundingSet(app([]))).toBe(defaultCapabilities);
    expect(boundingSet(app(isolator('retain', ['CAP_NET_ADMIN'])))).toBe(1n << 12n);
    expect(boundingSet(app(isolator('remove', ['CAP_MKNOD', 'CAP_SYS_ADMIN'])))).toBe(
      defaultCapabilities & ~(1n << 27n),
    );
  });

  test('a name that Linux does not have is an error, not a smaller set', () => {
    expect(() => capabilityBits(['CAP_CHOWN', 'CAP_FLY'])).toThrow('capability "CAP_FLY" does not exist');
  });

  test('no-new-privileges', () => {
    expect(noNewPrivileges(app([]))).toBe(false);
    expect(noNewPrivileges(app([{ name: 'os/linux/no-new-privileges', value: true }]))).toBe(true);
  });
});
