import { expect, test } from '@jest/globals';
import { refuseNetworkAdmins } from '../../../runtime/pod/activation/network-admins.ts';

const all = (1n << 41n) - 1n;
const netAdmin = 1n << 12n;
const passed = new Map([['web', [{ fd: 3, name: 'http' }]]]);
const opened = new Map([['web', [{ open: 'tcp' as const, port: 80, name: 'http' }]]]);

test('an app that may administer networks gets no socket of the host’s', () => {
  for (const set of [netAdmin, all])
    expect(() => refuseNetworkAdmins(passed, () => set)).toThrow(
      'app "web" has CAP_NET_ADMIN, and with the socket that was passed for it also in the host\'s network',
    );
});

test('others do, and any app gets one of the pod’s own', () => {
  expect(() => refuseNetworkAdmins(passed, () => all & ~netAdmin)).not.toThrow();
  expect(() => refuseNetworkAdmins(opened, () => all)).not.toThrow();
});
