import { describe, expect, test } from '@jest/globals';
import { hashToken } from '../../../metadata-service/pod.ts';
import { parseRegistration } from '../../../metadata-service/registration-request.ts';
import { imageId, imageManifest, podManifestOf, registrationOf, tokenOf, uuidOf } from './fixtures.ts';

const parse = (changes: Record<string, unknown>) => parseRegistration(JSON.stringify(registrationOf(1, changes)));
const image = { id: imageId, manifest: imageManifest };

describe('parseRegistration', () => {
  test('takes a whole registration, and keeps the hash of the token instead of it', () => {
    expect(parse({ dir: '/var/lib/rkt/pods/run/x' })).toEqual({
      uuid: uuidOf(1),
      ip: '10.28.0.1',
      hostInterface: 'rkt1',
      tokenHash: hashToken(tokenOf(1)),
      requireToken: false,
      podManifest: podManifestOf(1),
      images: { worker: image },
      dir: '/var/lib/rkt/pods/run/x',
    });
  });

  test('address, link and directory may be missing', () => {
    const parsed = parse({ ip: undefined, hostInterface: null });
    expect(Object.keys(parsed)).not.toEqual(expect.arrayContaining(['ip']));
    expect(Object.keys(parsed)).not.toEqual(expect.arrayContaining(['hostInterface']));
  });

  test.each<[string, Record<string, unknown>, string]>([
    ['uuid', { uuid: undefined }, 'registration: uuid: is required'],
    ['uuid in upper case', { uuid: uuidOf(10).toUpperCase() }, 'registration: uuid: must be a uuid in canonical form'],
    ['address of another kind', { ip: '::1' }, 'registration: ip: must be an IPv4 address of a pod, is "::1"'],
    ['loopback address', { ip: '127.0.0.1' }, 'registration: ip: must be an IPv4 address of a pod'],
    ['the service’s own address', { ip: '169.254.169.255' }, 'registration: ip: must be an IPv4 address of a pod'],
    ['multicast address', { ip: '224.0.0.1' }, 'registration: ip: must be an IPv4 address of a pod'],
    ['address with zeros', { ip: '172.16.28.01' }, 'registration: ip: must be an IPv4 address of a pod'],
    ['link name', { hostInterface: 'a/b' }, 'registration: hostInterface: must be a link name, is "a/b"'],
    ['relative directory', { dir: 'pods' }, 'registration: dir: must be an absolute path, is "pods"'],
    ['requireToken', { requireToken: 'no' }, 'registration: requireToken: must be true or false, is "no"'],
    ['no token', { token: undefined }, 'registration: token: is required'],
    ['manifest', { podManifest: '{' }, 'registration: podManifest: pod manifest: is not JSON'],
    [
      'manifest field',
      { podManifest: '{"acKind":"PodManifest"}' },
      'podManifest: pod manifest: acVersion: is required',
    ],
    ['missing image', { images: {} }, 'registration: images.worker: is required'],
    ['surplus image', { images: { worker: image, other: image } }, 'images: has an entry for "other"'],
    ['short image id', { images: { worker: { ...image, id: 'sha512-ab' } } }, 'id: must be a full image id'],
    [
      'other image id',
      { images: { worker: { ...image, id: `sha512-${'0'.repeat(128)}` } } },
      'must be the id in the pod',
    ],
    ['image manifest', { images: { worker: { ...image, manifest: '[]' } } }, 'images.worker.manifest: image manifest'],
  ])('names the field and the reason: %s', (_, changes, message) => {
    expect(() => parse(changes)).toThrow(
      expect.objectContaining({ code: 'invalid_registration', message: expect.stringContaining(message) }),
    );
  });

  test('a token that is too short is refused and not repeated', () => {
    expect(() => parse({ token: 'abcdefghijklmnopqrstu' })).toThrow(
      expect.objectContaining({
        message: expect.not.stringContaining('abcdef'),
        code: 'invalid_registration',
      }),
    );
    expect(() => parse({ token: 'not+base64url/of+128+bits' })).toThrow('22 to 128 characters of base64url');
  });

  test('what is no JSON object is refused', () => {
    expect(() => parseRegistration('')).toThrow(expect.objectContaining({ code: 'invalid_registration' }));
    expect(() => parseRegistration('[]')).toThrow('must be an object');
  });
});
