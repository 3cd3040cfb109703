import { expect, test } from '@jest/globals';
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

test("the monitor's teardown is a pin and, last, the lease", () => {
  expect(teardownSteps(network, '/run/rkt/networks/default')).toEqual({
    unmount: [network.netns],
    unlink: ['/run/rkt/networks/default/172.16.28.3'],
  });
});
