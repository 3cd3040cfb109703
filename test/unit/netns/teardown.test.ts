import { expect, test } from '@jest/globals';
import { parseAttributes, parseMessages, textOf } from '../../../netns/netlink/codec.ts';
import { teardownSteps } from '../../../netns/teardown.ts';
import { hostInterfaceOf, type PodNetwork } from '../../../netns/types.ts';

const network: PodNetwork = {
  name: 'default',
  kind: 'default',
  interface: 'eth0',
  hostInterface: hostInterfaceOf('01234567-89ab-4cde-8f01-23456789abcd'),
  ip: '172.16.28.3',
  hostIp: '172.16.28.2',
  prefixLength: 31,
  netns: '/run/rkt/netns/01234567-89ab-4cde-8f01-23456789abcd',
};

test("the host's end is named by the uuid and fits a link's name", () => {
  expect(network.hostInterface).toBe('rkt0123456789ab');
});

test("the monitor's teardown is two datagrams, a pin and, last, the lease", () => {
  const steps = teardownSteps(network, '/run/rkt/networks/default');
  expect(steps.netlink.map((step) => step.protocol)).toEqual([12, 0]);
  const [elements, link] = steps.netlink.map((step) => parseMessages(step.data));
  expect(elements?.map((message) => message.type)).toEqual([16, 0x0a0e, 0x0a0e, 17]);
  expect(link).toHaveLength(1);
  expect(link?.[0]).toMatchObject({ type: 17, flags: 0x5 });
  const name = parseAttributes(link?.[0]?.payload.subarray(16) ?? Buffer.alloc(0)).get(3);
  expect(textOf(name ?? Buffer.alloc(0))).toBe('rkt0123456789ab');
  expect(steps.unmount).toEqual([network.netns]);
  expect(steps.unlink).toEqual(['/run/rkt/networks/default/172.16.28.3']);
});
