import { describe, expect, test } from '@jest/globals';
import { networkError } from '../../../netns/errors.ts';
import { NetlinkError } from '../../../netns/netlink/socket.ts';
import { RktError } from '../../../runtime/base/errors.ts';

const uuid = '01234567-89ab-4cde-8f01-23456789abcd';
const system = (code: string, syscall: string): Error => Object.assign(new Error(`doing: ${code}`), { code, syscall });

describe('missing kernel features', () => {
  test.each([
    [
      'veth',
      'link',
      new NetlinkError('making the link rkt0', 95, 'Unknown device type'),
      'the kernel has no virtual ethernet links (veth)',
    ],
    [
      'the netfilter family',
      'firewall',
      system('EPROTONOSUPPORT', 'socket'),
      'the kernel has no nf_tables with address translation',
    ],
    [
      'nf_tables',
      'firewall',
      new NetlinkError('changing nf_tables', 95, undefined),
      'the kernel has no nf_tables with address translation',
    ],
    [
      'masquerading',
      'firewall',
      new NetlinkError('making a rule', 2, undefined),
      'the kernel has no nf_tables with address translation',
    ],
    ['namespaces', 'netns', system('EINVAL', 'unshare'), 'the kernel has no network namespaces'],
  ] as const)('%s', (_, part, error, reason) => {
    const result = networkError(part, uuid, error);
    expect(result.code).toBe('EKERNEL');
    expect(result.message).toBe(`cannot set up the private network of pod ${uuid}: ${reason}`);
    expect(result.hint).toMatch(/CONFIG_.*use --net=host on this kernel$/);
    expect(result.cause).toBe(error);
  });
});

test('who is not root is told so', () => {
  const result = networkError('link', uuid, new NetlinkError('making the link rkt0', 1, undefined));
  expect(result).toMatchObject({
    code: 'ENOTROOT',
    message: 'a private network can only be set up by root',
    hint: 'run rkt as root, with the capability CAP_NET_ADMIN',
  });
});

test('anything else keeps the words of the kernel', () => {
  const error = new NetlinkError('adding the address 172.16.28.2/31', 22, 'Invalid prefix');
  expect(networkError('link', uuid, error)).toMatchObject({
    code: 'ENETWORK',
    message: `cannot set up the private network of pod ${uuid}: adding the address 172.16.28.2/31: EINVAL (Invalid prefix)`,
  });
  expect(networkError('netns', uuid, system('EINVAL', 'mount')).code).toBe('ENETWORK');
});

test('a RktError stays as it is', () => {
  const error = new RktError('all addresses are in use', { code: 'EPOOL' });
  expect(networkError('link', uuid, error)).toBe(error);
});
