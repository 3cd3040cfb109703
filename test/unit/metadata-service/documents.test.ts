import { describe, expect, test } from '@jest/globals';
import { createPodDocuments, mergeAnnotations } from '../../../metadata-service/documents.ts';
import { imageId, imageManifest, podManifestOf, uuidOf } from './fixtures.ts';

const images = new Map([['worker', { id: imageId, manifest: imageManifest }]]);

describe('createPodDocuments', () => {
  const pod = createPodDocuments(uuidOf(1), podManifestOf(1), images);
  const app = pod.apps.get('worker');

  test('serves manifests as the bytes that were registered', () => {
    expect(pod.manifest.body.toString()).toBe(podManifestOf(1));
    expect(app?.imageManifest.body.toString()).toBe(imageManifest);
  });

  test('has the content types of the specification, and the length in bytes', () => {
    expect(pod.uuid.headers).toEqual({
      'Cache-Control': 'no-store',
      'Content-Length': 36,
      'Content-Type': 'text/plain; charset=us-ascii',
      'X-Content-Type-Options': 'nosniff',
    });
    expect(app?.imageId.headers['Content-Type']).toBe('text/plain; charset=us-ascii');
    for (const json of [pod.manifest, pod.annotations, app?.annotations, app?.imageManifest]) {
      expect(json?.headers['Content-Type']).toBe('application/json');
      expect(json?.headers['Content-Length']).toBe(json?.body.length);
    }
  });

  test('has an empty list where there are no annotations', () => {
    const bare = JSON.stringify({ acVersion: '0.8.11', acKind: 'PodManifest', apps: [] });
    expect(createPodDocuments(uuidOf(1), bare, new Map()).annotations.body.toString()).toBe('[]');
  });

  test('names the field of a manifest that is not valid', () => {
    expect(() => createPodDocuments(uuidOf(1), '{"acKind":"PodManifest"}', images)).toThrow(
      expect.objectContaining({ code: 'EMANIFEST', message: expect.stringContaining('acVersion') }),
    );
  });
});

describe('mergeAnnotations', () => {
  test('the pod’s value wins, in the image’s place; others follow', () => {
    const of = (...pairs: [string, string][]) => pairs.map(([name, value]) => ({ name, value }));
    expect(mergeAnnotations(of(['a', '1'], ['b', '2']), of(['c', '3'], ['a', '4']))).toEqual(
      of(['a', '4'], ['b', '2'], ['c', '3']),
    );
    expect(mergeAnnotations([], [])).toEqual([]);
  });
});
