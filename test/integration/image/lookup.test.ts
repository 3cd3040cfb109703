import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isRktError } from '../../../runtime/base/errors.ts';
import { findExecutable, lookupDockerUser, lookupUser } from '../../../runtime/image/lookup.ts';

let dir: string;
let root: string;
let empty: string;

function file(path: string, mode = 0o644, content = ''): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), content);
  chmodSync(join(root, path), mode);
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-lookup-'));
  root = join(dir, 'rootfs');
  empty = join(dir, 'empty');
  mkdirSync(empty);
  file('usr/bin/tool', 0o755);
  file('bin/plain', 0o644);
  file('usr/bin/plain', 0o100);
  file('opt/work/local', 0o755);
  file('opt/work/bin/local', 0o755);
  mkdirSync(join(root, 'bin/directory'));
  symlinkSync('/usr/bin/tool', join(root, 'bin/absolute'));
  symlinkSync('../../../../../usr/bin/tool', join(root, 'bin/climbing'));
  symlinkSync('/outside', join(root, 'bin/host'));
  symlinkSync('loop', join(root, 'bin/loop'));
  symlinkSync('../usr/bin', join(root, 'bin/usrbin'));
  writeFileSync(join(dir, 'outside'), '');
  chmodSync(join(dir, 'outside'), 0o755);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('executables', () => {
  const path = '/bin:/usr/bin';
  test.each<[string, string | undefined, string, string | undefined]>([
    ['tool', path, '/', '/usr/bin/tool'],
    ['plain', path, '/', '/usr/bin/plain'],
    ['/bin/plain', path, '/', undefined],
    ['/usr/bin/tool', path, '/', '/usr/bin/tool'],
    ['directory', path, '/', undefined],
    ['/bin/directory', path, '/', undefined],
    ['absolute', path, '/', '/bin/absolute'],
    ['climbing', path, '/', '/bin/climbing'],
    ['usrbin/tool', path, '/bin', '/bin/usrbin/tool'],
    ['host', path, '/', undefined],
    ['../../../../../../../../bin/sh', path, '/', undefined],
    ['loop', path, '/', undefined],
    ['none', path, '/', undefined],
    ['', path, '/', undefined],
    ['local', '', '/opt/work', '/opt/work/local'],
    ['local', 'bin', '/opt/work', '/opt/work/bin/local'],
    ['./local', path, '/opt/work', '/opt/work/./local'],
    ['tool', undefined, '/opt', '/usr/bin/tool'],
    ['local', undefined, '/opt/work', '/opt/work/local'],
    ['tool', '/bin/plain:/none:/usr/bin', '/', '/usr/bin/tool'],
  ])('%j along %j in %j is %j', (exec0, pathEnv, cwd, found) => {
    expect(findExecutable([root], exec0, pathEnv, cwd)).toBe(found);
    // Two layers are looked up in without the kernel's help, and an empty one changes nothing.
    expect(findExecutable([empty, root], exec0, pathEnv, cwd)).toBe(found);
    expect(findExecutable([root, empty], exec0, pathEnv, cwd)).toBe(found);
  });
});

describe('users and groups', () => {
  const passwd = [
    'root:x:0:0:root:/root:/bin/sh',
    'web:x:33:34::/:',
    '1000:x:7:8::/:',
    '1002:x:0:8::/:',
    'minus:x:-1:0::/:',
    'big:x:4294967296:0::/:',
    'max:x:4294967295:0::/:',
    'none:x::0::/:',
    'word:x:0x0:0::/:',
    'short',
    'web:x:99:99::/:',
  ].join('\n');

  const errorOf = (user: string, group: string): string => {
    try {
      lookupUser([root], user, group);
    } catch (error) {
      if (isRktError(error)) return `${error.code}: ${error.message}`;
      throw error;
    }
    throw new Error('nothing was thrown');
  };

  beforeAll(() => {
    file('etc/passwd', 0o644, passwd);
    file('etc/group', 0o644, 'root:x:0:\nwww:x:33:web\n');
    file('srv/owned');
    chownSync(join(root, 'srv/owned'), 500, 501);
    symlinkSync('/srv/owned', join(root, 'srv/link'));
  });

  test.each([
    ['root', 'root', { uid: 0, gid: 0 }],
    ['web', 'www', { uid: 33, gid: 33 }],
    ['1000', '1000', { uid: 7, gid: 1000 }],
    ['1001', '0', { uid: 1001, gid: 0 }],
    ['4294967294', '0', { uid: 4294967294, gid: 0 }],
    ['/srv/owned', '/srv/owned', { uid: 500, gid: 501 }],
    ['/srv/link', 'root', { uid: 500, gid: 0 }],
  ])('%s and %s', (user, group, ids) => expect(lookupUser([root], user, group)).toEqual(ids));

  const range = 'a number from 0 to 4294967294';
  test.each([
    ['nobody', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['-1', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['+0', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['0x0', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['4294967295', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['4294967296', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['18446744073709551616', `it is not in the image's /etc/passwd, and is not ${range}`],
    ['minus', `its id in the image's /etc/passwd is not ${range}`],
    ['big', `its id in the image's /etc/passwd is not ${range}`],
    ['max', `its id in the image's /etc/passwd is not ${range}`],
    ['none', `its id in the image's /etc/passwd is not ${range}`],
    ['word', `its id in the image's /etc/passwd is not ${range}`],
    ['short', `its id in the image's /etc/passwd is not ${range}`],
    ['/none', 'there is no such file in the image'],
    ['1002', `it is a number, but in the image's /etc/passwd a name of 0`],
  ])('user %j is refused', (user, reason) =>
    expect(errorOf(user, '0')).toBe(`EUSER: user ${JSON.stringify(user)}: ${reason}`),
  );

  test('a group is looked up among groups', () =>
    expect(errorOf('web', 'web')).toBe(`EUSER: group "web": it is not in the image's /etc/group, and is not ${range}`));

  describe('with hostile databases', () => {
    let other: string;
    beforeAll(() => {
      other = join(dir, 'other');
      mkdirSync(join(other, 'etc'), { recursive: true });
    });

    test('a huge one is refused', () => {
      writeFileSync(join(other, 'etc/passwd'), 'x:x:1:1\n'.repeat(140_000));
      expect(() => lookupUser([other], 'x', '0')).toThrow(
        '/etc/passwd has 1120000 bytes, more than the 1048576 allowed',
      );
    });

    test("one that is a link to the host's stays in the image", () => {
      rmSync(join(other, 'etc/passwd'));
      symlinkSync('../../../../../../../etc/passwd', join(other, 'etc/passwd'));
      expect(() => lookupUser([other], 'root', '0')).toThrow(`user "root": it is not in the image's /etc/passwd`);
    });

    test('a directory is refused', () => {
      rmSync(join(other, 'etc/passwd'));
      mkdirSync(join(other, 'etc/passwd'));
      expect(() => lookupUser([other], 'root', '0')).toThrow('/etc/passwd is not a regular file');
    });

    test('none at all leaves numbers', () => {
      rmSync(join(other, 'etc/passwd'), { recursive: true });
      expect(lookupUser([other], '5', '6')).toEqual({ uid: 5, gid: 6 });
    });
  });
});

describe('the user of a Docker image that names no group', () => {
  const passwd = 'root:x:0:0::/:\nweb:x:33:34::/:\nbad:x:35:-1::/:\nworse:x:-1:0::/:\n1002:x:0:0::/:\n';
  const group = 'web:x:99:\nlogs:x:4:other,web\nown:x:34:web\nother:x:5:webmaster\nbroken:x:y:web\n';
  beforeAll(() => {
    file('etc/passwd', 0o644, passwd);
    file('etc/group', 0o644, group);
  });

  test.each([
    ['web', { uid: 33, gid: 34, gids: [4] }],
    ['33', { uid: 33, gid: 34, gids: [4] }],
    ['root', { uid: 0, gid: 0, gids: [] }],
    ['1000', { uid: 1000, gid: 1000, gids: [] }],
  ])('%s', (user, ids) => {
    expect(lookupDockerUser([root], user)).toEqual(ids);
  });

  test.each([
    ['nobody', 'user "nobody": it is not in the image\'s /etc/passwd, and is not a number from 0 to 4294967294'],
    ['bad', 'group "bad": its id in the image\'s /etc/passwd is not a number from 0 to 4294967294'],
    ['worse', 'user "worse": its id in the image\'s /etc/passwd is not a number from 0 to 4294967294'],
    ['1002', 'user "1002": it is a number, but in the image\'s /etc/passwd a name of 0'],
    ['-1', 'user "-1": it is not in the image\'s /etc/passwd, and is not a number from 0 to 4294967294'],
  ])('%s is refused', (user, message) => {
    expect(() => lookupDockerUser([root], user)).toThrow(expect.objectContaining({ code: 'EUSER', message }));
  });
});
