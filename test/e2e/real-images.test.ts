/** Images of the real world, made of Debian's programs: they run, serve, write to their volumes and stop cleanly. */

import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { makeImage } from '../../deploy/demo/images.ts';
import { type Spec, tarOf } from '../integration/image/archives.ts';
import { OciLayout } from '../support/oci-layout.ts';
import { TestRegistry } from '../support/registry.ts';
import { programLayer } from '../support/rootfs-layer.ts';
import { type Running, Sandbox } from '../support/sandbox.ts';

const insecure = '--insecure-options=image,http';

// Images are made and pods started while other tests do the same.
jest.setTimeout(60_000);

let host: Sandbox;
let registry: TestRegistry;

beforeAll(async () => {
  host = await Sandbox.create();
  registry = await TestRegistry.start({ inside: ['nsenter', `--net=${host.netns}`, '--'] });
});

afterEach(() => {
  host.ok(['gc', '--grace-period=0s']);
  expect(host.leftovers()).toEqual([]);
  expect(host.uuids()).toEqual([]);
});

afterAll(async () => {
  await registry.stop();
  await host.destroy();
});

/** Asks a server that runs; its answer. */
const get = (url: string): string => host.exec(['curl', '-sS', '--max-time', '20', url]).stdout;

async function stop(pod: Running): Promise<number | null> {
  pod.child.kill('SIGTERM');
  return (await pod.ended).status;
}

/** Where the empty volume of the only pod lies on the host. */
const volumeDir = (name: string): string =>
  join(host.dataDir, 'pods', 'run', host.uuids()[0] as string, 'volumes', name);

describe('an ACI with', () => {
  test('a static program: busybox serves files of a volume as nobody', async () => {
    const file = join(host.dir, 'httpd.aci');
    await makeImage({
      name: 'example.com/httpd',
      exec: ['/bin/sh', '-c', 'httpd -p 127.0.0.1:8081 -h /www && echo serving as $(id -u) && exec sleep 1000'],
      output: file,
      app: { user: 'nobody', group: 'nogroup', mountPoints: [{ name: 'www', path: '/www', readOnly: true }] },
      prepare: (rootfs) => {
        symlinkSync('busybox', join(rootfs, 'bin', 'httpd'));
        writeFileSync(join(rootfs, 'etc', 'passwd'), 'nobody:x:65534:65534::/:\n');
        writeFileSync(join(rootfs, 'etc', 'group'), 'nogroup:x:65534:\n');
      },
    });
    const www = join(host.dir, 'www');
    mkdirSync(www);
    writeFileSync(join(www, 'page'), 'static\n');
    const pod = host.start(['-insecure-skip-verify', 'run', `--volume=www,kind=host,source=${www}`, file]);
    await pod.prints(/serving as 65534/);
    expect(get('http://127.0.0.1:8081/page')).toBe('static\n');
    expect(await stop(pod)).toBe(143);
  });

  test('a dynamic program and its libraries: nginx, as root with workers that are not', async () => {
    const file = join(host.dir, 'nginx.aci');
    await makeImage({
      name: 'example.com/nginx',
      exec: ['nginx', '-g', 'daemon off;'],
      output: file,
      programs: ['/usr/sbin/nginx'],
      app: { ports: [{ name: 'http', protocol: 'tcp', port: 8082 }] },
      prepare: makeNginx(8082),
    });
    const pod = host.start(['-insecure-skip-verify', 'run', file]);
    await pod.says(/start worker process /);
    expect(get('http://127.0.0.1:8082/')).toBe('nginx in a pod\n');
    const uids = host.exec([
      'sh',
      '-c',
      `stat -c %u $(grep -l "nginx: worker" /proc/[0-9]*/cmdline | xargs -n1 dirname)`,
    ]);
    expect(uids.stdout.split('\n')).toContain('33');
    expect(await stop(pod)).toBe(0);
  });
});

/** What nginx finds in its image. */
const makeNginx =
  (port: number) =>
  (rootfs: string): void => {
    for (const dir of ['etc/nginx', 'var/lib/nginx', 'run', 'usr/share/nginx/html']) {
      mkdirSync(join(rootfs, dir), { recursive: true });
    }
    writeFileSync(
      join(rootfs, 'etc/nginx/nginx.conf'),
      `user www-data; error_log stderr notice; pid /run/nginx.pid; worker_processes 1; events {}
       http { access_log off; server { listen ${port}; root /usr/share/nginx/html; } }\n`,
    );
    writeFileSync(join(rootfs, 'usr/share/nginx/html/index.html'), 'nginx in a pod\n');
    writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:\nwww-data:x:33:33::/:\n');
    writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nwww-data:x:33:\n');
  };

describe('docker:// images', () => {
  const entrypoint = `#!/bin/sh
if [ "\${1#-}" != "$1" ]; then set -- redis-server "$@"; fi
echo "$(id -u) $(id -g) $(id -G) $(pwd) $FLAVOUR: $*"
exec "$@"
`;
  const top: readonly Spec[] = [
    { path: 'usr/local/bin/', type: 'directory' },
    { path: 'usr/local/bin/docker-entrypoint.sh', content: entrypoint, mode: 0o755 },
    { path: 'data/', type: 'directory', uid: 999, gid: 1000, mode: 0o700 },
    { path: 'data/seed', content: 'from the image\n', uid: 999, gid: 1000 },
    { path: 'data/seed-too', type: 'hardlink', link: 'data/seed' },
  ];

  beforeAll(async () => {
    const layout = new OciLayout(join(host.dir, 'layout'));
    const redis = await programLayer(['/usr/bin/redis-check-rdb', '/usr/bin/redis-cli'], (rootfs) => {
      symlinkSync('redis-check-rdb', join(rootfs, 'usr/bin/redis-server'));
      writeFileSync(join(rootfs, 'etc/passwd'), 'root:x:0:0::/:\nredis:x:999:1000::/:\n');
      writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nredis:x:1000:\nextra:x:2000:redis\n');
    });
    const config = {
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['redis-server', '--port', '6390'],
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'FLAVOUR=docker'],
      User: 'redis',
      WorkingDir: '/data',
      Volumes: { '/data': {}, '/not/in/the/image': {} },
      ExposedPorts: { '6379/tcp': {} },
      Labels: { 'org.example.purpose': 'a test' },
    };
    layout.tag(layout.image({ layers: [{ tar: redis }, { tar: tarOf(top) }], config }), 'redis');
    registry.push(layout, 'redis', 'redis');
    const nginx = await programLayer(['/usr/sbin/nginx'], makeNginx(80));
    const command = { Entrypoint: ['nginx'], Cmd: ['-g', 'daemon off;'], WorkingDir: '/srv/not/there' };
    layout.tag(layout.image({ layers: [{ tar: nginx }], config: command }), 'nginx');
    registry.push(layout, 'nginx', 'nginx');
    host.ok([insecure, 'fetch', registry.url('redis:redis'), registry.url('nginx:nginx')]);
  });

  const ask = (...words: string[]): string => host.exec(['redis-cli', '-p', '6391', ...words]).stdout;

  test('redis: user, groups, directory, volume with content; arguments replace the command, not the entrypoint', async () => {
    const args = [insecure, 'run', registry.url('redis:redis'), '--', '--port', '6391', '--bind', '127.0.0.1'];
    const pod = host.start(args);
    await pod.prints(/Ready to accept connections/);
    expect(pod.stdout.split('\n')[0]).toBe(
      '999 1000 1000 2000 /data docker: redis-server --port 6391 --bind 127.0.0.1',
    );
    expect(ask('set', 'key', 'value')).toBe('OK\n');
    expect(ask('get', 'key')).toBe('value\n');
    expect(ask('save')).toBe('OK\n');
    const data = volumeDir('redis-volume-data');
    expect(readFileSync(join(data, 'seed'), 'utf8')).toBe('from the image\n');
    expect(statSync(join(data, 'seed')).nlink).toBe(2);
    expect(statSync(data)).toMatchObject({ uid: 999, gid: 1000, mode: 0o40700 });
    expect(statSync(join(data, 'dump.rdb')).uid).toBe(999);
    const { app } = JSON.parse(host.ok(['cat-manifest', host.uuids()[0] as string])).apps[0];
    expect(app).toMatchObject({ userLabels: { 'org.example.purpose': 'a test' }, ports: [{ name: '6379-tcp' }] });
    expect(await stop(pod)).toBe(0);
    expect(pod.stdout).toContain('Redis is now ready to exit, bye bye...');
  });

  test('redis: the whole command, another user, and a volume of the host', () => {
    const volume = join(host.dir, 'redis-data');
    mkdirSync(volume, { mode: 0o777 });
    const run = (...args: string[]) =>
      host.rkt([insecure, 'run', `--volume=volume-data,kind=host,source=${volume}`, ...args]);
    const image = registry.url('redis:redis');
    const { stdout } = run(image, '--', 'sh', '-c', 'ls -A; redis-server --version | grep -o v=7');
    expect(stdout).toBe('999 1000 1000 2000 /data docker: sh -c ls -A; redis-server --version | grep -o v=7\nv=7\n');
    const ids = (...options: string[]) => run(image, ...options, '--exec=/bin/sh', '--', '-c', 'id -u; id -G').stdout;
    expect(ids('--user=0')).toBe('0\n0\n');
    expect(ids('--user=1000')).toBe('1000\n1000\n');
    expect(ids('--group=2000')).toBe('999\n2000\n');
  });

  test('nginx: on a network of its own, in a directory that only the configuration knows', async () => {
    const pod = host.start([insecure, 'run', '--private-net', '--mds-register=false', registry.url('nginx:nginx')]);
    await pod.says(/start worker process /);
    const [, address] = /default:ip4=(\S+)/.exec(host.ok(['list'])) as RegExpExecArray;
    expect(get(`http://${address}/`)).toBe('nginx in a pod\n');
    expect(await stop(pod)).toBe(0);
    // With arguments of the user the command "-g daemon off;" is gone.
    const { stderr } = host.rkt([insecure, 'run', registry.url('nginx:nginx'), '--', '-t']);
    expect(stderr).toContain('nginx: configuration file /etc/nginx/nginx.conf test is successful\n');
  });
});
