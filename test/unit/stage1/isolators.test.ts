import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { App } from '../../../runtime/appc/app.ts';
import { parseImageManifest } from '../../../runtime/appc/image-manifest.ts';
import { quiet } from '../../../runtime/base/log.ts';
import { checkIsolators, oomScoreAdjustment } from '../../../runtime/stage1/isolators.ts';

function app(name: string, value: unknown): App {
  const fields = { exec: ['/a'], user: '0', group: '0', isolators: [{ name, value }] };
  const manifest = { acKind: 'ImageManifest', acVersion: '0.8.11', name: 'a', app: fields };
  return parseImageManifest(JSON.stringify(manifest)).app as App;
}

function warnings(name: string, value: unknown, noSeccomp = false): string[] {
  const said: string[] = [];
  checkIsolators('web', app(name, value), { noSeccomp }, { ...quiet, warn: (message) => said.push(message) });
  return said;
}

const seccomp = 'os/linux/seccomp-retain-set';

describe('isolators', () => {
  test.each([
    ['os/linux/capabilities-retain-set', { set: ['CAP_CHOWN'] }],
    ['os/linux/no-new-privileges', true],
    ['os/linux/oom-score-adj', 100],
  ])('%s is enforced and nothing is said', (name, value) => {
    expect(warnings(name, value)).toEqual([]);
  });

  test.each([
    ['resource/memory', { limit: '8M' }],
    ['os/linux/cpu-shares', 512],
    ['os/unix/sysctl', { 'net.core.somaxconn': '1' }],
    ['example.com/unknown', {}],
  ])('%s has no effect, which is said', (name, value) => {
    expect(warnings(name, value)).toEqual([`app "web": isolator ${name} has no effect`]);
  });

  test('a filter that cannot be installed is a reason not to run, unless the user wants none', () => {
    expect(() => warnings(seccomp, { set: ['read'] })).toThrow(
      expect.objectContaining({
        message: `app "web": isolator ${seccomp} cannot be enforced by this version of rkt`,
        hint: 'run it without with --insecure-options=seccomp',
        code: 'EISOLATOR',
      }),
    );
    expect(warnings(seccomp, { set: ['read'] }, true)).toHaveLength(1);
    expect(warnings(seccomp, { set: ['@appc.io/all'] })).toHaveLength(1);
  });

  test('a profile that is not there must not be ignored; labels only where the host has none', () => {
    expect(() => warnings('os/linux/apparmor-profile', { profile: 'p' })).toThrow('cannot be enforced');
    const label = { user: 'u', role: 'r', type: 't', level: 's0' };
    if (existsSync('/sys/fs/selinux/enforce')) {
      expect(() => warnings('os/linux/selinux-context', label)).toThrow('cannot be enforced');
    } else {
      expect(warnings('os/linux/selinux-context', label)).toHaveLength(1);
    }
  });

  test('the score is read', () => {
    expect(oomScoreAdjustment(app('os/linux/oom-score-adj', -5))).toBe(-5);
    expect(oomScoreAdjustment(app('resource/cpu', { limit: '1' }))).toBeUndefined();
  });
});
