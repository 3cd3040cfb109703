import { describe, expect, test } from '@jest/globals';
import { parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import { interpretIsolator } from '../../../runtime/appc/isolators.ts';
import { errorOf, withApp } from './helpers.ts';

const read = (...isolators: { name: string; value?: unknown }[]) =>
  parseImageManifest(withApp({ isolators })).app?.isolators ?? [];

describe('typed meaning', () => {
  test.each([
    [
      'os/linux/capabilities-retain-set',
      { set: ['CAP_KILL'] },
      { kind: 'capabilities', mode: 'retain', set: ['CAP_KILL'] },
    ],
    [
      'os/linux/capabilities-remove-set',
      { set: ['CAP_PONIES'] },
      { kind: 'capabilities', mode: 'remove', set: ['CAP_PONIES'] },
    ],
    [
      'os/linux/seccomp-remove-set',
      { set: ['reboot'], errno: 'ENOTSUP' },
      { kind: 'seccomp', mode: 'remove', set: ['reboot'], errno: 'ENOTSUP' },
    ],
    [
      'os/linux/seccomp-retain-set',
      { set: ['@appc.io/all'], errno: '' },
      { kind: 'seccomp', mode: 'retain', set: ['@appc.io/all'], errno: undefined },
    ],
    ['os/linux/no-new-privileges', true, { kind: 'no-new-privileges', enabled: true }],
    ['os/linux/oom-score-adj', -250, { kind: 'oom-score-adj', score: -250 }],
    ['os/linux/cpu-shares', 2048, { kind: 'cpu-shares', shares: 2048 }],
    ['os/unix/sysctl', { 'net.core.somaxconn': '5' }, { kind: 'sysctl', values: { 'net.core.somaxconn': '5' } }],
    ['os/linux/apparmor-profile', { profile: 'p' }, { kind: 'apparmor', profile: 'p' }],
    [
      'os/linux/selinux-context',
      { user: 'system_u', role: 'system_r', type: 'dhcpc_t', level: 's0:c1' },
      { kind: 'selinux', user: 'system_u', role: 'system_r', type: 'dhcpc_t', level: 's0:c1' },
    ],
    ['resource/cpu', { request: '30m', limit: '1m' }, { kind: 'resource', resource: 'cpu', request: 30n, limit: 1n }],
    ['resource/memory', { limit: 1024 }, { kind: 'resource', resource: 'memory', request: undefined, limit: 1024000n }],
    [
      'resource/block-iops',
      { default: true, limit: '1000' },
      { kind: 'resource', resource: 'block-iops', request: undefined, limit: 1000000n },
    ],
    ['example.com/mine', 5, undefined],
  ])('%s %j', (name, value, meaning) => {
    const [isolator] = read({ name, value });
    expect(isolator).toEqual({ name, value });
    expect(isolator && interpretIsolator(isolator)).toEqual(meaning);
  });
});

describe('violations', () => {
  test.each<[{ name: string; value?: unknown }[], string]>([
    [[{ name: 'os/linux/cpu-shares', value: 1 }], '[0].value: must be an integer from 2 to 262144, is 1'],
    [[{ name: 'os/linux/oom-score-adj', value: -2500 }], '[0].value: must be an integer from -1000 to 1000, is -2500'],
    [[{ name: 'os/linux/no-new-privileges', value: 'foo' }], '[0].value: must be true or false, is "foo"'],
    [[{ name: 'os/linux/capabilities-retain-set', value: { set: [] } }], '[0].value.set: must not be empty'],
    [[{ name: 'os/linux/capabilities-retain-set', value: { set: 'CAP' } }], '[0].value.set: must be a list, is "CAP"'],
    [
      [{ name: 'os/linux/seccomp-retain-set', value: { set: ['a'], errno: 'eperm' } }],
      '[0].value.errno: must be the name of an errno such as "EPERM", is "eperm"',
    ],
    [[{ name: 'resource/block-bandwidth', value: { default: false, limit: '1G' } }], '[0].value.default: must be true'],
    [
      [{ name: 'resource/block-iops', value: { default: true, request: '1', limit: '1G' } }],
      '[0].value.request: is not possible for this resource',
    ],
    [[{ name: 'resource/memory', value: { default: true, limit: '2G' } }], '[0].value.default: must not be true'],
    [
      [{ name: 'resource/memory', value: { limit: '2GB' } }],
      '[0].value.limit: must be an amount such as "250m", "0.5", "128M" or "2Gi", is "2GB"',
    ],
    [
      [{ name: 'os/linux/selinux-context', value: { user: 'a:b', role: 'r', type: 't', level: 's0' } }],
      '[0].value.user: must not contain ":", is "a:b"',
    ],
    [[{ name: 'os/linux/apparmor-profile', value: { profile: '' } }], '[0].value.profile: must not be empty, is ""'],
    [[{ name: 'example.com/x' }], '[0].value: is required'],
    [
      [
        { name: 'os/linux/seccomp-remove-set', value: { set: ['a'] } },
        { name: 'os/linux/seccomp-retain-set', value: { set: ['a'] } },
      ],
      '[1]: "os/linux/seccomp-retain-set" cannot be used together with "os/linux/seccomp-remove-set"',
    ],
    [
      [
        { name: 'os/linux/oom-score-adj', value: 1 },
        { name: 'os/linux/oom-score-adj', value: 2 },
      ],
      '[1]: "os/linux/oom-score-adj" must stand only once',
    ],
  ])('%j', (isolators, message) =>
    expect(errorOf(() => read(...isolators))).toBe(`EMANIFEST: image manifest: app.isolators${message}`),
  );

  test('resources may repeat', () =>
    expect(
      read({ name: 'resource/cpu', value: { limit: '1' } }, { name: 'resource/cpu', value: { limit: '2' } }),
    ).toHaveLength(2));
});
