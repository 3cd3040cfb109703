import { describe, expect, test } from '@jest/globals';
import { manifestReference, namesOfRegistry, parseDockerReference } from '../../../runtime/image/docker/reference.ts';

const sha = `sha256:${'0123456789abcdef'.repeat(4)}`;

describe('references', () => {
  test.each([
    ['docker://busybox', 'registry-1.docker.io', 'library/busybox', 'latest', undefined],
    ['docker:///redis', 'registry-1.docker.io', 'library/redis', 'latest', undefined],
    ['docker://docker.io/library/redis:6', 'registry-1.docker.io', 'library/redis', '6', undefined],
    ['docker://index.docker.io/user/app', 'registry-1.docker.io', 'user/app', 'latest', undefined],
    ['docker://user/app:v1.0_x-y', 'registry-1.docker.io', 'user/app', 'v1.0_x-y', undefined],
    ['docker://quay.io/coreos/etcd:v2.0.0', 'quay.io', 'coreos/etcd', 'v2.0.0', undefined],
    ['docker://Quay.IO/coreos/etcd', 'quay.io', 'coreos/etcd', 'latest', undefined],
    ['docker://localhost/app', 'localhost', 'app', 'latest', undefined],
    ['docker://localhost:5000/a/b/c:t', 'localhost:5000', 'a/b/c', 't', undefined],
    ['docker://127.0.0.1:5000/app', '127.0.0.1:5000', 'app', 'latest', undefined],
    ['docker://[::1]:5000/app', '[::1]:5000', 'app', 'latest', undefined],
    [`docker://app@${sha}`, 'registry-1.docker.io', 'library/app', undefined, sha],
    [`docker://host:1/app:tag@${sha}`, 'host:1', 'app', 'tag', sha],
    ['docker://my__app/x.y--z', 'registry-1.docker.io', 'my__app/x.y--z', 'latest', undefined],
  ])('%s', (text, registry, repository, tag, digest) => {
    expect(parseDockerReference(text)).toEqual({ original: text, registry, repository, tag, digest });
  });

  test('a digest says more than a tag', () => {
    expect(manifestReference(parseDockerReference(`docker://app:tag@${sha}`))).toBe(sha);
    expect(manifestReference(parseDockerReference('docker://app:tag'))).toBe('tag');
  });

  test.each([
    ['busybox', 'image "busybox": it does not begin with "docker://"'],
    [
      'docker://',
      'image "docker://": the repository "" is not possible: names are lower-case letters, digits, ".", "_" and "-"',
    ],
    [
      'docker://quay.io/',
      'image "docker://quay.io/": the repository "" is not possible: names are lower-case letters, digits, ".", "_" and "-"',
    ],
    [
      'docker://host:5000/a/../b',
      'image "docker://host:5000/a/../b": the repository "a/../b" is not possible: names are lower-case letters, digits, ".", "_" and "-"',
    ],
    [
      'docker://host:5000/a//b',
      'image "docker://host:5000/a//b": the repository "a//b" is not possible: names are lower-case letters, digits, ".", "_" and "-"',
    ],
    [
      'docker://host:5000/App',
      'image "docker://host:5000/App": the repository "App" is not possible: names are lower-case letters, digits, ".", "_" and "-"',
    ],
    [
      'docker://host:99999/app',
      'image "docker://host:99999/app": the port 99999 is not possible: must be from 1 to 65535',
    ],
    [
      'docker://a@b.c/app',
      'image "docker://a@b.c/app": the digest "b.c/app" is not possible: it must be an algorithm, ":" and hex digits',
    ],
    ['docker://my__app.x/q', 'image "docker://my__app.x/q": the host "my__app.x" is not possible'],
    ['docker://app:', 'image "docker://app:": the tag "" is not possible'],
    ['docker://app:.x', 'image "docker://app:.x": the tag ".x" is not possible'],
    [`docker://app:${'x'.repeat(129)}`, /^image "docker:\/\/app:x+\.\.\.: the tag "x+\.\.\. is not possible$/],
    [
      'docker://app@md5:0123',
      'image "docker://app@md5:0123": the digest "md5:0123" is not possible: it must use sha256 or sha512, not "md5"',
    ],
    [
      'docker://app@sha256:../../x',
      'image "docker://app@sha256:../../x": the digest "sha256:../../x" is not possible: it must have 64 lower-case hex digits after "sha256:"',
    ],
    [`docker://${'a/'.repeat(140)}b`, /the name is longer than 255 characters$/],
  ])('refused: %s', (text, message) => {
    let thrown: unknown;
    try {
      parseDockerReference(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'EARGUMENT' });
    if (typeof message === 'string') expect((thrown as Error).message).toBe(message);
    else expect((thrown as Error).message).toMatch(message);
  });
});

test('credentials for Docker Hub count under each of its names', () => {
  expect(namesOfRegistry('registry-1.docker.io')).toEqual([
    'registry-1.docker.io',
    'docker.io',
    'index.docker.io',
    'registry.hub.docker.com',
  ]);
  expect(namesOfRegistry('quay.io')).toEqual(['quay.io']);
});
