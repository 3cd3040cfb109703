import { describe, expect, test } from '@jest/globals';
import { interpretIsolator, type KnownIsolator } from '../../../../runtime/appc/isolators.ts';
import type { CgroupHierarchy } from '../../../../runtime/stage1/cgroups.ts';
import {
  groupSettings,
  podShare,
  sharesOf,
  weightOfShares,
} from '../../../../runtime/stage1/isolation/cgroup-settings.ts';
import { resourceOutcome } from '../../../../runtime/stage1/isolation/resource-outcome.ts';
import { type BoundedResource, boundedBy, resourcesOf } from '../../../../runtime/stage1/isolation/resources.ts';

const v1 = (controller: string): CgroupHierarchy => ({
  mount: `/cg/${controller}`,
  version: 1,
  controllers: [controller],
});
const v2: CgroupHierarchy = { mount: '/cg', version: 2, controllers: ['cpu', 'io', 'memory', 'pids'] };

const amounts = resourcesOf(
  [
    { name: 'resource/cpu', value: { request: '250m', limit: '1.5' } },
    { name: 'resource/memory', value: { request: '64Mi', limit: '128Mi' } },
    { name: 'resource/block-bandwidth', value: { default: true, limit: '2M' } },
    { name: 'resource/block-iops', value: { default: true, limit: '1000' } },
    { name: 'os/linux/pids-limit', value: 50 },
  ],
  {},
);

describe('the files of a control group', () => {
  test.each([
    [
      'cpu',
      [
        ['cpu.shares', '256'],
        ['cpu.cfs_period_us', '100000'],
        ['cpu.cfs_quota_us', '150000'],
      ],
      [],
    ],
    [
      'memory',
      [
        ['memory.limit_in_bytes', '134217728'],
        ['memory.soft_limit_in_bytes', '67108864'],
      ],
      [['memory.memsw.limit_in_bytes', '134217728']],
    ],
    ['pids', [['pids.max', '50']], []],
    [
      'blkio',
      [],
      [
        ['blkio.throttle.read_bps_device', '8:0 2000000'],
        ['blkio.throttle.write_bps_device', '8:0 2000000'],
        ['blkio.throttle.read_iops_device', '8:0 1000'],
        ['blkio.throttle.write_iops_device', '8:0 1000'],
      ],
    ],
    ['name=systemd', [], []],
  ])('v1, %s', (controller, writes, tries) => {
    expect(groupSettings(amounts, v1(controller), ['8:0'])).toEqual({ writes, tries });
  });

  test('v2', () => {
    expect(groupSettings(amounts, v2, ['8:0', '259:0'])).toEqual({
      writes: [
        ['cpu.weight', '35'],
        ['cpu.max', '150000 100000'],
        ['memory.max', '134217728'],
        ['memory.low', '67108864'],
        ['pids.max', '50'],
      ],
      tries: [
        ['memory.swap.max', '0'],
        ['io.max', '8:0 rbps=2000000 wbps=2000000 riops=1000 wiops=1000'],
        ['io.max', '259:0 rbps=2000000 wbps=2000000 riops=1000 wiops=1000'],
      ],
    });
  });

  test('nothing where nothing is asked for, or nothing can be done', () => {
    expect(groupSettings({}, v2, ['8:0'])).toEqual({ writes: [], tries: [] });
    expect(groupSettings(amounts, { mount: '/cg', version: 2, controllers: [] }, [])).toEqual({
      writes: [],
      tries: [],
    });
  });

  test('less than the kernel knows is the least it knows', () => {
    const least = resourcesOf([{ name: 'resource/cpu', value: { limit: '1m' } }], {});
    expect(groupSettings(least, v2, []).writes).toContainEqual(['cpu.max', '1000 100000']);
    const none = resourcesOf([{ name: 'resource/block-iops', value: { default: true, limit: '0' } }], {});
    expect(groupSettings(none, v2, ['8:0']).tries).toEqual([['io.max', '8:0 riops=1 wiops=1']]);
  });
});

test('what is not said: shares follow the limit of CPU time, memory is kept from nobody', () => {
  const limits = [
    { name: 'resource/cpu', value: { limit: '2' } },
    { name: 'resource/memory', value: { limit: '1Gi' } },
  ];
  expect(resourcesOf(limits, {})).toEqual({ cpuLimit: 2000n, cpuRequest: 2000n, memoryLimit: (1n << 30n) * 1000n });
});

describe('shares', () => {
  test.each([
    [2, 1],
    [1024, 100],
    [2048, 174],
    [262144, 10000],
  ])('%i of v1 are a weight of %i on v2', (shares, weight) => {
    expect(weightOfShares(shares)).toBe(weight);
  });

  test('grow with what is requested; explicit ones count more', () => {
    expect(sharesOf({ cpuRequest: 2000n })).toBe(2048);
    expect(sharesOf({ cpuRequest: 1n })).toBe(2);
    expect(sharesOf({ cpuRequest: 2000n, cpuShares: 10 })).toBe(10);
    expect(sharesOf({})).toBeUndefined();
  });

  test('a pod counts for its apps together', () => {
    expect(podShare({}, [{ cpuShares: 512 }, {}])).toEqual({ cpuShares: 1536 });
    expect(podShare({}, [{}, {}])).toEqual({});
    expect(podShare({ cpuShares: 7 }, [{ cpuShares: 512 }])).toEqual({ cpuShares: 7 });
    expect(podShare({ cpuRequest: 500n }, [{ cpuShares: 4096 }])).toMatchObject({ cpuShares: 512 });
    expect(podShare({}, [{ memoryRequest: 5n }, { memoryRequest: 6n }])).toEqual({ memoryRequest: 11n });
  });
});

describe('a pod bounds its apps', () => {
  test('which get the smaller of both', () => {
    const app = { cpuLimit: 2000n, cpuRequest: 2000n, memoryLimit: 100n, pids: 4096 };
    const { resources, cut } = boundedBy(app, { cpuLimit: 1000n, memoryLimit: 200n, pids: 64 });
    expect(resources).toEqual({ cpuLimit: 1000n, cpuRequest: 1000n, memoryLimit: 100n, pids: 64 });
    expect([...cut].sort()).toEqual(['cpuLimit', 'cpuRequest', 'pids']);
  });
});

describe('what becomes of a limit', () => {
  const outcome = (name: string, value: unknown, hierarchies: CgroupHierarchy[], cut: BoundedResource[] = []) =>
    resourceOutcome(name, interpretIsolator({ name, value }) as KnownIsolator, { hierarchies, cut: new Set(cut) });

  test.each([
    ['resource/memory', { limit: '1G' }, [v2], [], 'enforced', undefined],
    ['resource/memory', { limit: '1G' }, [v1('cpu')], [], 'ignored', 'the host has no memory controller'],
    ['resource/memory', { limit: '1G' }, [v2], ['memoryLimit'], 'changed', 'it is no more than the pod may have'],
    ['resource/cpu', { limit: '1m' }, [v2], [], 'changed', 'the limit is 10m, the least that the kernel knows'],
    ['resource/block-iops', { default: true, limit: '1' }, [v2], [], 'enforced', undefined],
    [
      'resource/block-iops',
      { default: true, limit: '1' },
      [v1('blkio')],
      [],
      'changed',
      'writes that the kernel buffers are not limited on cgroup v1',
    ],
  ] as const)('%s %j', (name, value, hierarchies, cut, result, detail) => {
    expect(outcome(name, value, [...hierarchies], [...cut])).toEqual({
      isolator: name,
      outcome: result,
      ...(detail === undefined ? {} : { detail }),
    });
  });
});
