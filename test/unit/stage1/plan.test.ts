import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { isRktError } from '../../../runtime/base/errors.ts';
import { encodePlan, type LaunchPlan, maxPlanSize } from '../../../runtime/stage1/plan.ts';
import { planTags } from '../../../runtime/stage1/plan-tags.ts';
import { examplePlan } from './example-plan.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const groups = new Set<number>([
  planTags.CGROUP,
  planTags.TEARDOWN,
  planTags.APP,
  planTags.MOUNT,
  planTags.FILE,
  planTags.PRE_START,
  planTags.POST_STOP,
  planTags.EPILOGUE,
  planTags.USERNS,
  planTags.STAGE1,
  planTags.SOCKET,
]);

type Decoded = { tag: number; data: Buffer; children: Decoded[] };

/** An independent reading of the encoding in docs/launch-plan.md. */
function decode(body: Buffer): Decoded[] {
  const records: Decoded[] = [];
  for (let at = 0; at < body.length; ) {
    const tag = body.readUInt16LE(at);
    expect(body.readUInt16LE(at + 2)).toBe(0);
    const size = body.readUInt32LE(at + 4);
    const data = body.subarray(at + 8, at + 8 + size);
    expect(data).toHaveLength(size);
    records.push({ tag, data, children: groups.has(tag) ? decode(data) : [] });
    at += 8 + size;
  }
  return records;
}

const all = (records: Decoded[]): Decoded[] => records.flatMap((record) => [record, ...all(record.children)]);
const find = (records: Decoded[], tag: number): Buffer[] =>
  all(records).flatMap((r) => (r.tag === tag ? [r.data] : []));
const texts = (records: Decoded[], tag: number): string[] => find(records, tag).map((data) => data.toString());

describe('tags', () => {
  test('are the same in plan.h', () => {
    const header = readFileSync(join(root, 'native', 'src', 'stage1', 'plan.h'), 'utf8');
    const list = header.slice(header.indexOf('enum plan_tag {'), header.indexOf('};'));
    const tags = Object.fromEntries(
      [...list.matchAll(/PLAN_(\w+) = (\d+),/g)].map(([, name, tag]) => [name, Number(tag)]),
    );
    expect(tags).toEqual(planTags);
  });

  test('are the same in docs/launch-plan.md', () => {
    const page = readFileSync(join(root, 'docs', 'launch-plan.md'), 'utf8');
    const tags = Object.fromEntries(
      [...page.matchAll(/^\| (\d+) \| ([A-Z0-9_]+) \|/gm)].map(([, tag, name]) => [name, Number(tag)]),
    );
    expect(tags).toEqual(planTags);
  });
});

describe('encodePlan', () => {
  const file = encodePlan(examplePlan);
  const records = decode(file.subarray(12));

  test('starts with the magic and the length of the body', () => {
    expect(file.subarray(0, 8).toString()).toBe('RKTPLAN1');
    expect(file.readUInt32LE(8)).toBe(file.length - 12);
  });

  test('writes every tag for a plan that has everything', () => {
    const written = new Set(all(records).map((record) => record.tag));
    // A root that is used in place has no upper directory, so no one plan has both.
    const optional = [planTags.CGROUP_V2, planTags.ROOT_IN_PLACE];
    const missing = Object.values(planTags).filter((tag) => !written.has(tag) && !optional.some((o) => o === tag));
    expect(missing).toEqual([]);
  });

  test('a root filesystem can be used in place', () => {
    const [app] = examplePlan.apps;
    if (app === undefined) throw new Error('the example has an app');
    const inPlace = { ...app, root: { lowers: ['/copy'], inPlace: true } };
    const written = decode(encodePlan({ ...examplePlan, apps: [inPlace] }).subarray(12));
    expect(find(written, planTags.ROOT_IN_PLACE).map((data) => data.readUInt32LE())).toEqual([1]);
    const apps = written.filter((record) => record.tag === planTags.APP);
    expect(texts(apps, planTags.ROOT_LOWER)).toEqual(['/copy']);
    expect(find(apps, planTags.ROOT_UPPER)).toEqual([]);
  });

  test('keeps order, empty arguments and multi-byte text', () => {
    const app = records.find((record) => record.tag === planTags.APP);
    expect(texts(app?.children ?? [], planTags.ROOT_LOWER)).toEqual(['/images/a', '/images/b']);
    expect(app?.children.filter((record) => record.tag === planTags.ARG).map((r) => r.data.toString())).toEqual([
      '/bin/web',
      '',
      '--verbose',
    ]);
    const text = decode(encodePlan({ ...examplePlan, sysctls: { a: 'ä€😀' } }).subarray(12));
    expect(texts(text, planTags.SYSCTL)).toEqual(['a=ä€😀']);
  });

  test('encodes numbers', () => {
    expect(find(records, planTags.CAPS_BOUNDING)[0]?.readBigUInt64LE()).toBe(0xa80425fbn);
    expect(find(records, planTags.OOM_SCORE_ADJ)[0]?.readInt32LE()).toBe(-500);
    expect(find(records, planTags.FLAGS)[0]?.readUInt32LE()).toBe(13);
    expect(find(records, planTags.MOUNT_FLAGS)[0]?.readUInt32LE()).toBe(15);
    expect(find(records, planTags.RLIMIT)[0]?.toString('hex')).toBe('070000000004000000000000ffffffffffffffff');
  });

  test('derives the name of the cgroup from its directory', () => {
    expect(texts(records, planTags.SUBCGROUP)).toEqual(['example.scope']);
    const given = decode(encodePlan({ ...examplePlan, subcgroup: 'machine.slice/x.scope' }).subarray(12));
    expect(texts(given, planTags.SUBCGROUP)).toEqual(['machine.slice/x.scope']);
    const { cgroups: _, ...without } = examplePlan;
    expect(texts(decode(encodePlan(without).subarray(12)), planTags.SUBCGROUP)).toEqual([]);
  });

  test('grows for plans beyond its first buffer', () => {
    const value = 'x'.repeat(100_000);
    const large = decode(encodePlan({ ...examplePlan, sysctls: { large: value } }).subarray(12));
    expect(texts(large, planTags.SYSCTL)).toEqual([`large=${value}`]);
    expect(texts(large, planTags.CWD)).toEqual(['/srv']);
  });

  const refusal = (plan: LaunchPlan): unknown => {
    try {
      return encodePlan(plan);
    } catch (error) {
      return isRktError(error) ? [error.code, error.message] : error;
    }
  };

  test('refuses a NUL byte', () => {
    expect(refusal({ ...examplePlan, hostname: 'a\0b' })).toEqual([
      'EPLAN',
      'the launch plan cannot hold "a\\u0000b": it contains a NUL byte',
    ]);
  });

  test('refuses what is too long', () => {
    expect(refusal({ ...examplePlan, sysctls: { large: 'x'.repeat(maxPlanSize) } })).toEqual([
      'EPLAN',
      expect.stringMatching(/^the launch plan of pod 6733c088-\S+ is 419\d+ bytes long; the limit is 4194304$/),
    ]);
  });
});
