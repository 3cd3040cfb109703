import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { Connections } from '../../../metadata-service/connections.ts';
import { limitsWith } from './fixtures.ts';

class FakeSocket extends EventEmitter {
  readonly remoteAddress: string | undefined;
  constructor(remoteAddress: string | undefined) {
    super();
    this.remoteAddress = remoteAddress;
  }
  destroy(): void {
    this.emit('close');
  }
}

const from = (address: string | undefined) => new FakeSocket(address) as unknown as Socket;

function create() {
  const limits = limitsWith({
    connectionsPerPod: 4,
    connectionsUnregistered: 2,
    connectionsTotal: 5,
    connectionsReserved: 2,
  });
  return new Connections(limits, (address) => address.startsWith('172.'));
}

describe('Connections', () => {
  test('a pod gets so many and no more, until one closes', () => {
    const connections = create();
    const sockets = Array.from({ length: 5 }, () => from('172.16.28.1'));
    expect(sockets.map((socket) => connections.admit(socket))).toEqual([true, true, true, true, false]);
    sockets[0]?.destroy();
    expect(connections.total).toBe(3);
    expect(connections.admit(from('172.16.28.1'))).toBe(true);
  });

  test('a pod gets its reserve although others have used up the total', () => {
    const connections = create();
    for (let i = 0; i < 4; i += 1) connections.admit(from('172.16.28.1'));
    expect(connections.admit(from('172.16.28.2'))).toBe(true);
    expect(connections.total).toBe(5);
    expect([1, 2].map(() => connections.admit(from('172.16.28.2')))).toEqual([true, false]);
    expect([1, 2, 3].map(() => connections.admit(from('172.16.28.3')))).toEqual([true, true, false]);
  });

  test('addresses of nobody share one allowance', () => {
    const connections = create();
    expect(['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((a) => connections.admit(from(a)))).toEqual([true, true, false]);
    expect(connections.admit(from('172.16.28.1'))).toBe(true);
  });

  test('a connection that was lost before it was accepted is refused', () => {
    expect(create().admit(from(undefined))).toBe(false);
  });

  test('closes all of one address and none of another', () => {
    const connections = create();
    for (const address of ['172.16.28.1', '172.16.28.1', '172.16.28.2']) connections.admit(from(address));
    connections.closeFrom('172.16.28.1');
    connections.closeFrom('172.16.28.9');
    expect(connections.total).toBe(1);
  });
});
