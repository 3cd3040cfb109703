import { expect, test } from '@jest/globals';
import { guardLoopback } from '../../../netns/loopback-guard.ts';
import { NetlinkError, type NetlinkRequest, type NetlinkTransport } from '../../../netns/netlink/socket.ts';

function transport(errno: number): NetlinkTransport & { sent: NetlinkRequest[] } {
  const sent: NetlinkRequest[] = [];
  return {
    sent,
    transact(requests) {
      sent.push(...requests);
      if (errno !== 0) throw new NetlinkError('guarding', errno, undefined);
      return [];
    },
    raw: () => [],
  };
}

test('the guard is a queue discipline and a filter, in one datagram', () => {
  const socket = transport(0);
  expect(guardLoopback(socket, 7, 'rkt0')).toBe(true);
  expect(socket.sent.map(({ type, doing }) => [type, doing])).toEqual([
    [36, "guarding the host's loopback against the link rkt0"],
    [44, "guarding the host's loopback against the link rkt0"],
  ]);
});

test.each([
  ['ENOENT', 2],
  ['EOPNOTSUPP', 95],
])('a kernel without them says %s, and then there is no guard', (_, errno) => {
  expect(guardLoopback(transport(errno), 7, 'rkt0')).toBe(false);
});

test('any other failure is one', () => {
  expect(() => guardLoopback(transport(1), 7, 'rkt0')).toThrow('guarding: EPERM');
});
