import { describe, expect, test } from '@jest/globals';
import { parseManifest } from '../../../runtime/image/docker/manifest.ts';
import {
  dockerManifest,
  dockerManifestList,
  ociIndex,
  ociManifest,
} from '../../../runtime/image/docker/media-types.ts';
import { hostPlatform } from '../../../runtime/image/docker/platform.ts';
import { selectEntry } from '../../../runtime/image/docker/select.ts';

const digestOf = (digit: string): string => `sha256:${digit.repeat(64)}`;
const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf('a'), size: 100 };
const layer = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: digestOf('b'), size: 200 };
const manifest = { schemaVersion: 2, mediaType: ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  mediaType: ociIndex,
  manifests: [
    { mediaType: ociManifest, digest: digestOf('c'), size: 300, platform: { os: 'linux', architecture: 'amd64' } },
  ],
};
const parse = (document: unknown, type: string) => parseManifest(Buffer.from(JSON.stringify(document)), type);

describe('manifests', () => {
  test('one of OCI, and one of docker', () => {
    expect(parse(manifest, ociManifest)).toEqual({ kind: 'manifest', config, layers: [layer] });
    const docker = {
      schemaVersion: 2,
      mediaType: dockerManifest,
      config: { ...config, mediaType: 'application/vnd.docker.container.image.v1+json' },
      layers: [{ ...layer, mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' }],
    };
    expect(parse(docker, dockerManifest)).toMatchObject({ kind: 'manifest', layers: docker.layers });
  });

  test('the type may come from either side', () => {
    const { mediaType: _, ...unnamed } = manifest;
    expect(parse(unnamed, ociManifest).kind).toBe('manifest');
    expect(parse(manifest, 'application/json').kind).toBe('manifest');
    expect(parse(index, '').kind).toBe('index');
  });

  const text = 'registry manifest: ';
  const unnamed = { schemaVersion: 2, config, layers: [layer] };
  const withLayer = (changes: object) => ({ ...manifest, layers: [{ ...layer, ...changes }] });
  test.each([
    // CVE-2021-41190: one document, two readings.
    [
      'served as index, states manifest',
      manifest,
      ociIndex,
      `was served as "${ociIndex}" but states the type "${ociManifest}"`,
    ],
    [
      'served as docker, states OCI',
      manifest,
      dockerManifest,
      `was served as "${dockerManifest}" but states the type "${ociManifest}"`,
    ],
    [
      'manifest with manifests',
      { ...manifest, manifests: [] },
      ociManifest,
      'is ambiguous: as an image manifest it must not have "manifests"',
    ],
    [
      'index with layers',
      { ...index, layers: [] },
      ociIndex,
      'is ambiguous: as an image index it must not have "layers"',
    ],
    [
      'index with config',
      { ...index, config: {} },
      ociIndex,
      'is ambiguous: as an image index it must not have "config"',
    ],
    ['no type at all', unnamed, 'application/octet-stream', 'neither states nor was served with a type'],
    ['another type', unnamed, 'text/html', 'was served as "text/html", which is no image manifest'],
    [
      'another stated type',
      { ...manifest, mediaType: 'x/y' },
      ociManifest,
      'states the type "x/y", which is no image manifest',
    ],
    // CVE-2024-3727: digests end up in URLs and file names.
    [
      'a path as digest',
      withLayer({ digest: 'sha256:../../../etc' }),
      ociManifest,
      'layers[0].digest: must have 64 lower-case hex digits after "sha256:", is "sha256:../../../etc"',
    ],
    [
      'a weak digest',
      withLayer({ digest: 'sha1:0123' }),
      ociManifest,
      'layers[0].digest: must use sha256 or sha512, not "sha1", is "sha1:0123"',
    ],
    [
      'an upper-case digest',
      withLayer({ digest: digestOf('B') }),
      ociManifest,
      /layers\[0\]\.digest: must have 64 lower-case hex digits/,
    ],
    // CVE-2020-15157: layers from elsewhere.
    [
      'urls',
      withLayer({ urls: ['https://evil.example/'] }),
      ociManifest,
      'layers[0]: is a foreign layer, to be downloaded from elsewhere than the registry, which rkt does not do',
    ],
    [
      'a foreign layer',
      withLayer({ mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip' }),
      ociManifest,
      'layers[0]: is a foreign layer, to be downloaded from elsewhere than the registry, which rkt does not do',
    ],
    [
      'an encrypted layer',
      withLayer({ mediaType: `${layer.mediaType}+encrypted` }),
      ociManifest,
      `layers[0].mediaType: is not a kind of layer that rkt knows: "${layer.mediaType}+encrypted"`,
    ],
    [
      'an artifact',
      { ...manifest, config: { ...config, mediaType: 'application/vnd.cncf.helm.config.v1+json' } },
      ociManifest,
      'is not of a container image: its configuration is of type "application/vnd.cncf.helm.config.v1+json"',
    ],
    ['a negative size', withLayer({ size: -1 }), ociManifest, /layers\[0\]\.size: must be an integer from 0 to/],
    [
      'too many layers',
      { ...manifest, layers: Array(129).fill(layer) },
      ociManifest,
      'has 129 layers, more than the 128 allowed',
    ],
    [
      'schema 1',
      { schemaVersion: 1, fsLayers: [] },
      'application/vnd.docker.distribution.manifest.v1+prettyjws',
      'has schema version 1, which docker gave up because its content cannot be verified; push the image again with a current tool',
    ],
    ['no object', [], ociManifest, 'must be an object, is []'],
  ])('refused: %s', (_, document, type, reason) => {
    let thrown: unknown;
    try {
      parse(document, type);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'EMANIFEST' });
    if (typeof reason === 'string') expect((thrown as Error).message).toBe(text + reason);
    else expect((thrown as Error).message).toMatch(reason);
  });
});

describe('platforms', () => {
  const entry = (digit: string, platform: object | undefined, mediaType = ociManifest) => ({
    mediaType,
    digest: digestOf(digit),
    size: 1,
    ...(platform === undefined ? {} : { platform }),
  });
  const select = (manifests: object[], arch: string, armVersion = '7'): string => {
    const document = parse({ schemaVersion: 2, mediaType: dockerManifestList, manifests }, dockerManifestList);
    if (document.kind !== 'index') throw new Error('no index');
    return selectEntry(document.entries, hostPlatform(arch, armVersion)).digest;
  };
  const arm = (variant: string) => ({ os: 'linux', architecture: 'arm', variant });
  const many = [
    entry('0', { os: 'windows', architecture: 'amd64' }),
    entry('1', { os: 'linux', architecture: 'amd64', variant: 'v3' }),
    entry('2', { os: 'linux', architecture: 'amd64' }),
    entry('3', arm('v5')),
    entry('4', arm('v6')),
    entry('5', arm('v7')),
    entry('6', { os: 'linux', architecture: 'arm64', variant: 'v8' }),
    entry('7', { os: 'unknown', architecture: 'unknown' }),
    entry('8', { os: 'linux', architecture: '386' }),
  ];

  test.each([
    ['x64', '7', '2'],
    ['ia32', '7', '8'],
    ['arm', '7', '5'],
    ['arm', '6', '4'],
    ['arm64', '7', '6'],
  ])('%s, version %s of arm', (arch, version, digit) => {
    expect(select(many, arch, version)).toBe(digestOf(digit));
  });

  test('a single image without a platform, beside its attestation', () => {
    const lone = entry('1', undefined);
    expect(select([lone, entry('7', { os: 'unknown', architecture: 'unknown' })], 'x64', '7')).toBe(digestOf('1'));
  });

  test('the best variant wins wherever it stands', () => {
    expect(select([entry('3', arm('v5')), entry('5', arm('v7')), entry('4', arm('v6'))], 'arm')).toBe(digestOf('5'));
    expect(select([entry('3', arm('v5')), entry('5', arm('v7'))], 'arm', '6')).toBe(digestOf('3'));
  });

  test('a single image without a platform', () => {
    expect(select([entry('1', undefined)], 'x64')).toBe(digestOf('1'));
  });

  test('nothing for this machine', () => {
    expect(() => select(many, 's390x')).toThrow(
      new Error(
        'there is no image for linux/s390x, only for windows/amd64, linux/amd64/v3, linux/amd64, linux/arm/v5, linux/arm/v6, linux/arm/v7, linux/arm64/v8, linux/386',
      ),
    );
    expect(() => select([], 'x64')).toThrow(new Error('there is no image for linux/amd64, only for no platform'));
  });
});
