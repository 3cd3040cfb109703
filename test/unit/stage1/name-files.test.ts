import { describe, expect, test } from '@jest/globals';
import { type NamedPod, nameFiles } from '../../../runtime/stage1/name-files.ts';

const stub = '# made by resolved\nnameserver 127.0.0.53\noptions edns0\nsearch lan\n';
const upstream = 'nameserver 192.0.2.7\nnameserver ::1\nsearch lan\n';
const host: NamedPod = { hostname: 'pod', network: 'host', ip: undefined };
const isolated: NamedPod = { hostname: 'pod', network: 'private', ip: '172.16.28.1' };

/** What becomes of /etc/resolv.conf where the host has these files. */
function resolver(pod: NamedPod, files: Record<string, string>): string | undefined {
  const made = nameFiles({}, pod, (path) => files[path]);
  const file = made.find(({ path }) => path === '/etc/resolv.conf');
  if (file !== undefined) expect(file.replace).toBe('if-empty');
  return file?.data as string | undefined;
}

describe('the servers of the host, where nobody says anything', () => {
  const resolved = { '/etc/resolv.conf': stub, '/run/systemd/resolve/resolv.conf': upstream };

  test('are all of them on its network', () => {
    expect(resolver(host, resolved)).toBe(stub);
    expect(resolver(host, {})).toBeUndefined();
  });

  test('are those that can be reached on a private one', () => {
    const mixed = 'nameserver 127.0.0.1\nnameserver 192.0.2.1\nsearch lan\n';
    expect(resolver(isolated, { '/etc/resolv.conf': mixed })).toBe('nameserver 192.0.2.1\nsearch lan\n');
    expect(resolver(isolated, resolved)).toBe('nameserver 192.0.2.7\nsearch lan\n');
    expect(resolver(isolated, { '/etc/resolv.conf': stub })).toBeUndefined();
  });

  test('are none without a network', () => {
    expect(resolver({ ...isolated, network: 'none' }, resolved)).toBeUndefined();
  });
});

test('/etc/hosts names the pod by its own address', () => {
  const [hosts] = nameFiles({ resolver: 'none' }, isolated, () => undefined);
  expect(hosts).toEqual({
    path: '/etc/hosts',
    mode: 0o644,
    data: '127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n172.16.28.1 pod\n',
    replace: 'if-empty',
  });
});
