import { describe, expect, test } from '@jest/globals';
import { classifyImage, parseImageReference } from '../../../runtime/appc/image-reference.ts';
import { errorOf, someId } from './helpers.ts';

describe('references by name', () => {
  test.each([
    ['example.com/app', { name: 'example.com/app', labels: [] }],
    ['example.com/app:v1', { name: 'example.com/app', labels: [{ name: 'version', value: 'v1' }] }],
    [
      'example.com/app:v1,os=linux,arch=amd64',
      {
        name: 'example.com/app',
        labels: [
          { name: 'version', value: 'v1' },
          { name: 'os', value: 'linux' },
          { name: 'arch', value: 'amd64' },
        ],
      },
    ],
    ['app,channel=a=b', { name: 'app', labels: [{ name: 'channel', value: 'a=b' }] }],
  ])('%j', (text, reference) => expect(parseImageReference(text)).toEqual(reference));

  test.each([
    ['', 'the name "" is not possible: it must not be empty'],
    [
      'Example',
      'the name "Example" is not possible: it must consist of lower-case letters, digits and "-._~/", with a letter or digit at both ends',
    ],
    ['app:', 'there is no version after ":"'],
    ['app,os', 'the label "os" has no "=value"'],
    ['app,os=', 'the label "os" has an empty value'],
    ['app:1,version=2', 'the label "version" is given twice'],
    ['app,os=plan9', 'the label "os" must be one of linux, freebsd, darwin, is "plan9"'],
    ['app,name=x', 'the label name "name" is not possible: a label must not have the name "name"'],
  ])('%j is refused', (text, reason) =>
    expect(errorOf(() => parseImageReference(text))).toBe(`EARGUMENT: image ${JSON.stringify(text)}: ${reason}`),
  );
});

describe('what a user may name', () => {
  test.each([
    [someId, 'id'],
    ['sha512-fa1cb92dc276b0f9bedf87981e61ecde', 'id'],
    ['./app.aci', 'file'],
    ['../app', 'file'],
    ['/srv/app', 'file'],
    ['app.aci', 'file'],
    ['https://example.com/app.aci', 'url'],
    ['HTTP://example.com/app.aci', 'url'],
    ['docker://busybox', 'docker'],
    ['docker://quay.io/coreos/etcd:v2.0.0', 'docker'],
    ['coreos.com/etcd:v2.0.0', 'name'],
    ['busybox', 'name'],
  ])('%j is of kind %s', (text, kind) => expect(classifyImage(text).kind).toBe(kind));

  test('a file URL is a file', () =>
    expect(classifyImage('file:///srv/my%20app.aci')).toEqual({ kind: 'file', path: '/srv/my app.aci' }));

  test.each([
    ['ftp://example.com/x', 'rkt cannot fetch from "ftp://"'],
    ['file://host/x', 'a file URL must not name a host; write file:///path'],
    ['sha512-f', 'the id must have at least 2 hex digits'],
    ['sha256-ffff', 'the id must name the hash "sha512", not "sha256"'],
  ])('%j is refused', (text, reason) =>
    expect(errorOf(() => classifyImage(text))).toBe(`EARGUMENT: image ${JSON.stringify(text)}: ${reason}`),
  );
});
