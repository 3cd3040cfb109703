import { describe, expect, test } from '@jest/globals';
import { parsePrivateUsers, requireIds } from '../../../runtime/pod/private-users.ts';
import type { PreparedApp } from '../../../runtime/stage1/prepared-app.ts';

describe('parsePrivateUsers', () => {
  test.each(['no', 'false', '0'])('"%s" means the users of the host', (text) => {
    expect(parsePrivateUsers(text)).toBeUndefined();
  });

  test.each(['pick', 'yes', 'true', '1'])('"%s" leaves the choice to rkt', (text) => {
    expect(parsePrivateUsers(text)).toBe('pick');
  });

  test('takes ids', () => {
    expect(parsePrivateUsers('100000')).toEqual({ shift: 100000, range: 65536 });
    expect(parsePrivateUsers('1000:5')).toEqual({ shift: 1000, range: 5 });
    expect(parsePrivateUsers('4294967294:1')).toEqual({ shift: 4294967294, range: 1 });
  });

  test.each(['', 'maybe', '-1', '0:5', '5:0', '5:', '1e3', '5:5:5', ' 5', '99999999999'])('refuses "%s"', (text) => {
    expect(() => parsePrivateUsers(text)).toThrow(
      expect.objectContaining({ code: 'EUSAGE', message: `invalid value "${text}" for --private-users` }),
    );
  });

  test.each([
    ['4294967294:2', '4294967294 to 4294967295'],
    ['4294967295', '4294967295 to 4295032830'],
  ])('refuses %s, which Linux does not have', (text, ids) => {
    expect(() => parsePrivateUsers(text)).toThrow(`--private-users=${text}: the ids ${ids} do not all exist`);
  });
});

describe('requireIds', () => {
  const app = (uid: number, gid: number, supplementaryGIDs: number[]): PreparedApp =>
    ({ name: 'web', uid, gid, app: { supplementaryGIDs } }) as unknown as PreparedApp;

  test('takes what is in the range', () => {
    expect(() => requireIds([app(0, 999, [5])], { shift: 1, range: 1000 })).not.toThrow();
  });

  test('names everything that is not', () => {
    expect(() => requireIds([app(1000, 2000, [5, 3000])], { shift: 1, range: 1000 })).toThrow(
      expect.objectContaining({
        code: 'EAPP',
        message: 'app "web": user 1000, group 2000, group 3000 cannot be: the pod has the ids 0 to 999',
      }),
    );
  });
});
