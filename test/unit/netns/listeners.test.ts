import { describe, expect, test } from '@jest/globals';
import { listenerOn, parseListeners } from '../../../netns/listeners.ts';

const header = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (address: string, port: number, state: string): string =>
  `   0: ${address}:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1\n`;

describe('listeners', () => {
  test('of TCP are those that listen, of UDP those that are not connected', () => {
    const table = header + line('00000000', 80, '0A') + line('0100007F', 81, '01') + line('0100007F', 82, '07');
    expect(parseListeners('tcp', table)).toEqual([{ protocol: 'tcp', ip: undefined, port: 80 }]);
    expect(parseListeners('udp', table)).toEqual([{ protocol: 'udp', ip: '127.0.0.1', port: 82 }]);
  });

  test('of IPv6 count where they take IPv4', () => {
    const table =
      line('0'.repeat(32), 1, '0A') +
      line('0000000000000000FFFF00000200090A', 2, '0A') +
      line('00000000000000000000000001000000', 3, '0A');
    expect(parseListeners('tcp', table).map(({ ip, port }) => [ip, port])).toEqual([
      [undefined, 1],
      ['10.9.0.2', 2],
    ]);
  });

  test.each([
    [undefined, undefined, true],
    ['127.0.0.1', undefined, true],
    [undefined, '10.0.0.1', true],
    ['10.0.0.1', '10.0.0.1', true],
    ['127.0.0.1', '10.0.0.1', false],
  ])('one at %s is in the way of a port at %s: %s', (ip, hostIp, expected) => {
    const forward = { protocol: 'tcp' as const, hostPort: 80, podPort: 1, ...(hostIp === undefined ? {} : { hostIp }) };
    expect(listenerOn(forward, [{ protocol: 'tcp', ip, port: 80 }]) !== undefined).toBe(expected);
    expect(listenerOn(forward, [{ protocol: 'udp', ip, port: 80 }])).toBeUndefined();
    expect(listenerOn(forward, [{ protocol: 'tcp', ip, port: 81 }])).toBeUndefined();
  });
});
