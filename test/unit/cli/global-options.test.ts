import { describe, expect, test } from '@jest/globals';
import { applyEnvironment, globalOptions, readGlobals } from '../../../cli/global-options.ts';
import { OptionSet } from '../../../cli/options.ts';

function globals(options: Readonly<Record<string, string>>, env: NodeJS.ProcessEnv = {}) {
  const set = new OptionSet(globalOptions);
  for (const [name, value] of Object.entries(options)) set.set(name, value);
  applyEnvironment(set, env);
  return readGlobals(set.values());
}

const nowhere = { 'system-config': '/nonexistent', 'local-config': '/nonexistent' };

describe('global options', () => {
  test.each([
    ['image', ['image']],
    ['image,tls', ['image', 'tls']],
    ['none', []],
    ['all-fetch', ['image', 'tls', 'http']],
    ['all-run', ['capabilities', 'paths', 'seccomp']],
    ['all', ['http', 'image', 'tls', 'pubkey', 'ondisk', 'capabilities', 'paths', 'seccomp']],
  ])('--insecure-options=%s', (list, checks) => {
    expect([...globals({ ...nowhere, 'insecure-options': list }).insecure]).toEqual(checks);
  });

  test('the old spelling switches off image verification and nothing else', () => {
    expect([...globals({ ...nowhere, 'insecure-skip-verify': 'true' }).insecure]).toEqual(['image']);
  });

  test('an unknown check is refused: it must not look as if it were off', () => {
    expect(() => globals({ ...nowhere, 'insecure-options': 'images' })).toThrow(
      'invalid value "images" for --insecure-options',
    );
  });

  test('RKT_* stands in for what the command line does not say', () => {
    expect(globals(nowhere, { RKT_DIR: '/a', RKT_DEBUG: '1' })).toMatchObject({ dataDir: '/a', debug: true });
    expect(globals({ ...nowhere, dir: '/b' }, { RKT_DIR: '/a' }).dataDir).toBe('/b');
    expect(() => globals(nowhere, { RKT_DEBUG: 'perhaps' })).toThrow(
      'environment variable RKT_DEBUG: invalid value "perhaps" for --debug: must be true or false',
    );
  });

  test('the data directory is absolute and has no slash at its end', () => {
    expect(globals({ ...nowhere, dir: '/a/b//' }).dataDir).toBe('/a/b');
    expect(globals({ ...nowhere, dir: '/' }).dataDir).toBe('/');
    expect(() => globals({ ...nowhere, dir: 'a' })).toThrow('--dir must be an absolute path, is "a"');
  });
});
