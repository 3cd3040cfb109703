import { describe, expect, test } from '@jest/globals';
import { admitPod } from '../../../../netns/firewall.ts';
import { NetlinkError } from '../../../../netns/netlink/socket.ts';
import { commit } from '../../../../netns/nft/batch.ts';
import { addPod, removePod } from '../../../../netns/nft/elements.ts';
import { createTable, deleteTable, tableChanges } from '../../../../netns/nft/table.ts';
import { memoryLeases } from '../../../support/memory-leases.ts';
import { fakeTransport } from '../fake-transport.ts';

const pod = { link: 'rkt0123456789ab', ip: '172.16.28.3', kind: 'default' } as const;
const ENOENT = 2;
const EEXIST = 17;
const EPERM = 1;

/** Types of the nf_tables messages of a batch, without its begin and end. */
const typesOf = (batch: { type: number }[] | undefined): number[] =>
  (batch ?? []).slice(1, -1).map((message) => message.type & 0xff);

describe('batches', () => {
  test('begin and end as such, number their changes, and ask for one ack', () => {
    const socket = fakeTransport([]);
    commit(socket, addPod(pod));
    const [batch] = socket.sent;
    expect(batch?.map(({ type, flags, sequence }) => ({ type, flags, sequence }))).toEqual([
      { type: 16, flags: 0x001, sequence: 0 },
      { type: 0x0a0c, flags: 0x401, sequence: 1 },
      { type: 0x0a0c, flags: 0x405, sequence: 2 },
      { type: 17, flags: 0x001, sequence: 3 },
    ]);
  });

  test('fail by the first change that was refused', () => {
    const socket = fakeTransport([
      [
        { sequence: 2, errno: ENOENT },
        { sequence: 1, errno: EPERM },
      ],
    ]);
    expect(() => commit(socket, addPod(pod))).toThrow(
      new NetlinkError('adding 172.16.28.3 to the nf_tables set links', EPERM, undefined),
    );
  });

  test('fail as a whole where the kernel refuses the beginning', () => {
    const socket = fakeTransport([[{ sequence: 0, errno: 95 }]]);
    expect(() => commit(socket, addPod(pod))).toThrow(/^changing nf_tables: (EOPNOTSUPP|ENOTSUP)$/);
  });
});

describe('the table', () => {
  test('is one batch of a table, two sets, four chains and eleven rules', () => {
    const socket = fakeTransport([]);
    expect(createTable(socket)).toBe(true);
    expect(socket.sent).toHaveLength(1);
    expect(typesOf(socket.sent[0])).toEqual([0, 9, 9, 3, 3, 3, 3, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
    // The table itself must be new: of two processes, one makes it and the other's batch has no effect.
    expect(socket.sent[0]?.[1]?.flags).toBe(0x601);
  });

  test('that exists is left alone', () => {
    expect(createTable(fakeTransport([[{ sequence: 1, errno: EEXIST }]]))).toBe(false);
  });

  test('that is gone need not be removed', () => {
    expect(deleteTable(fakeTransport([]))).toBe(true);
    expect(deleteTable(fakeTransport([[{ sequence: 1, errno: ENOENT }]]))).toBe(false);
    expect(() => deleteTable(fakeTransport([[{ sequence: 1, errno: EPERM }]]))).toThrow(
      new NetlinkError('removing the nf_tables table rkt', EPERM, undefined),
    );
  });
});

describe('elements', () => {
  test('are a link for every pod, and the address of a pod that may leave the host', () => {
    expect(addPod(pod).map((change) => change.doing)).toEqual([
      'adding 172.16.28.3 to the nf_tables set links',
      'adding 172.16.28.3 to the nf_tables set pods',
    ]);
    expect(addPod({ ...pod, kind: 'default-restricted' }).map((change) => change.doing)).toEqual([
      'adding 172.16.28.3 to the nf_tables set links',
    ]);
  });

  test('are removed one by one, so that a missing one does not keep the other', () => {
    const socket = fakeTransport([[{ sequence: 1, errno: ENOENT }]]);
    removePod(socket, { ...pod, kind: 'default' });
    expect(socket.sent.map(typesOf)).toEqual([[14], [14]]);
  });

  test('of an address that is not admitted to leave the host are one', () => {
    const socket = fakeTransport([]);
    removePod(socket, { ...pod, kind: 'default-restricted' });
    expect(socket.sent.map(typesOf)).toEqual([[14]]);
  });
});

describe('admission', () => {
  const other = {
    ip: '172.16.28.5',
    uuid: '89abcdef-0123-4cde-8f01-23456789abcd',
    kind: 'default-restricted',
  } as const;
  const missing = [{ sequence: 1, errno: ENOENT }];

  test('is one datagram where the table is there', () => {
    const socket = fakeTransport([]);
    admitPod(socket, pod, memoryLeases());
    expect(socket.sent.map(typesOf)).toEqual([[12, 12]]);
  });

  test('makes the table where it is missing, with what every pod needs', () => {
    const socket = fakeTransport([missing]);
    admitPod(socket, pod, memoryLeases([other]));
    expect(socket.sent.map(typesOf)).toEqual([
      [12, 12],
      [...tableChanges().map((change) => change.type), 12],
      [12, 12],
    ]);
  });

  test('goes on where another process has made the table meanwhile', () => {
    const socket = fakeTransport([missing, [{ sequence: 1, errno: EEXIST }]]);
    admitPod(socket, pod, memoryLeases());
    expect(socket.sent).toHaveLength(3);
  });

  test('tells a foreign table from a kernel that lacks something', () => {
    const socket = fakeTransport([missing, [{ sequence: 1, errno: EEXIST }], missing]);
    expect(() => admitPod(socket, pod, memoryLeases())).toThrow(
      expect.objectContaining({
        code: 'ETABLE',
        message: 'the nf_tables table "ip rkt" of this host lacks a set: it was not made by this version of rkt',
      }),
    );
  });
});
