import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { readStage1Defaults } from '../../../runtime/stage1/stage1-config.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rkt-config-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const dirs = (): string[] => [join(dir, 'system'), join(dir, 'local')];

function write(where: 'system' | 'local', file: string, fields: object): string {
  const path = join(dir, where, 'stage1.d', file);
  mkdirSync(join(dir, where, 'stage1.d'), { recursive: true });
  writeFileSync(path, JSON.stringify({ rktKind: 'stage1', rktVersion: 'v1', ...fields }));
  return path;
}

describe('readStage1Defaults', () => {
  test('says nothing where nothing is configured, or only empty strings', () => {
    expect(readStage1Defaults(dirs())).toEqual({ image: undefined, location: undefined });
    write('local', 'a.json', { name: '', version: '', location: '' });
    expect(readStage1Defaults(dirs())).toEqual({ image: undefined, location: undefined });
  });

  test('overrides the image and the location each for itself', () => {
    write('system', 'a.json', { name: 'example.com/a', version: '1', location: '/a.aci' });
    write('local', 'b.json', { location: 'https://example.com/b.aci' });
    expect(readStage1Defaults(dirs())).toEqual({
      image: { name: 'example.com/a', version: '1' },
      location: 'https://example.com/b.aci',
    });
    write('local', 'c.json', { name: 'example.com/c', version: '2' });
    expect(readStage1Defaults(dirs()).image).toEqual({ name: 'example.com/c', version: '2' });
  });

  test.each<[object, string]>([
    [{ name: 'example.com/a' }, 'name and version must stand together'],
    [{ version: '1' }, 'name and version must stand together'],
    [{ name: 1, version: '1' }, 'name must be a string, is 1'],
    [{ location: 'a.aci' }, 'location must be an absolute path or a URL of file, http, https or docker, is "a.aci"'],
  ])('%j is an error', (fields, reason) => {
    const file = write('system', 'a.json', fields);
    expect(() => readStage1Defaults(dirs())).toThrow(
      expect.objectContaining({ code: 'ECONFIG', message: `configuration file ${file}: ${reason}` }),
    );
  });

  test('one directory must not say two things', () => {
    const first = write('local', 'a.json', { location: '/a.aci' });
    const second = write('local', 'b.json', { location: '/b.aci' });
    expect(() => readStage1Defaults(dirs())).toThrow(
      `configuration file ${second}: the location of the default stage1 is in ${first} already`,
    );
  });
});
