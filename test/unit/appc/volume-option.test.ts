import { describe, expect, test } from '@jest/globals';
import { formatVolumeOption, parseMountOption, parseVolumeOption } from '../../../runtime/appc/volume-option.ts';
import { errorOf } from './helpers.ts';

const empty = { name: 'foobar', kind: 'empty', mode: '0755', uid: 0, gid: 0 };
const host = { name: 'foobar', kind: 'host', source: '/tmp' };

describe('--volume', () => {
  test.each([
    ['foobar,kind=host,source=/tmp', host],
    ['foobar,kind=host,source=/tmp,readOnly=false', { ...host, readOnly: false }],
    ['foobar,kind=host,source=/tmp,readOnly=true,recursive=false', { ...host, readOnly: true, recursive: false }],
    ['foobar,kind=host,source=/a=b', { ...host, source: '/a=b' }],
    ['foobar,kind=empty', empty],
    ['foobar,kind=empty,readOnly=true', { ...empty, readOnly: true }],
    ['foobar,kind=empty,mode=0777,uid=1000,gid=1001', { ...empty, mode: '0777', uid: 1000, gid: 1001 }],
  ])('%j is read and written', (text, volume) => {
    const read = parseVolumeOption(text);
    expect(read).toEqual(volume);
    expect(formatVolumeOption(read)).toBe(text);
  });

  test.each(['1', 't', 'T', 'TRUE', 'True'])('takes readOnly=%s', (value) =>
    expect(parseVolumeOption(`foobar,kind=host,source=/tmp,readOnly=${value}`)).toEqual({ ...host, readOnly: true }),
  );

  test.each([
    [
      '#foobar,kind=host,source=/tmp',
      '"NAME" must consist of lower-case letters, digits and "-", with a letter or digit at both ends, is "#foobar"',
    ],
    ['', '"NAME" must not be empty, is ""'],
    ['foobar', '"kind" is missing'],
    ['foobar,kind=tmpfs', '"kind" must be host or empty, is "tmpfs"'],
    ['foobar,kind=host', '"source" is missing'],
    ['foobar,kind=host,source=tmp', '"source" must be an absolute path, is "tmp"'],
    [
      'foobar,kind=host,source=/tmp,asdf=asdf',
      '"asdf" is not a parameter; there are kind, source, readOnly, recursive, mode, uid, gid',
    ],
    ['foobar,kind=host,source=/tmp,uid=3', '"uid" cannot be set for a volume of kind "host"'],
    ['foobar,kind=empty,source=/tmp', '"source" cannot be set for a volume of kind "empty"'],
    ['foobar,kind=host,source=/tmp,recursive=MAYBE', '"recursive" must be true or false, is "MAYBE"'],
    ['foobar,kind=host,source=/a,source=/b', '"source" is given twice'],
    ['foobar,kind=host,source=/a,b', '"b" has no "=value"'],
    ['foobar,kind=empty,uid=-1', '"uid" must be a number from 0 to 4294967294, is "-1"'],
    ['foobar,kind=empty,gid=4294967295', '"gid" must be a number from 0 to 4294967294, is "4294967295"'],
    ['foobar,kind=empty,mode=rwx', '"mode" must be a file mode in octal digits such as "0755", is "rwx"'],
  ])('%j is refused', (text, reason) =>
    expect(errorOf(() => parseVolumeOption(text))).toBe(`EARGUMENT: --volume ${JSON.stringify(text)}: ${reason}`),
  );
});

describe('--mount', () => {
  test('names a volume and a place', () =>
    expect(parseMountOption('volume=logs,target=/var/log')).toEqual({ volume: 'logs', target: '/var/log' }));

  test.each([
    ['volume=logs', '"target" is missing'],
    ['volume=logs,target=var', '"target" must be an absolute path, is "var"'],
    ['logs,target=/var', '"logs" has no "=value"'],
    [
      'volume=L,target=/var',
      '"volume" must consist of lower-case letters, digits and "-", with a letter or digit at both ends, is "L"',
    ],
  ])('%j is refused', (text, reason) =>
    expect(errorOf(() => parseMountOption(text))).toBe(`EARGUMENT: --mount ${JSON.stringify(text)}: ${reason}`),
  );
});
