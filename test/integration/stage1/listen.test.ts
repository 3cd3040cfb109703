/** Sockets that stage1 opens in the pod's network for apps that are activated by them. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { LaunchPlan, PlanSocket } from '../../../runtime/stage1/plan.ts';
import { makeWithoutIpv6 } from '../../support/activation/programs.ts';
import { type RunningPod, TestPod } from './harness.ts';

let pod: TestPod;
let holder: ChildProcess;
beforeEach(async () => {
  pod = new TestPod();
  holder = spawn('unshare', ['-n', 'sh', '-c', 'ip link set lo up; echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => holder.stdout?.once('data', resolve));
});
afterEach(async () => {
  holder.stdin?.end();
  await new Promise((resolve) => holder.once('exit', resolve));
  expect(await pod.finish()).toEqual([]);
});

const network = (more: Partial<LaunchPlan> = {}): Partial<LaunchPlan> => ({
  netns: `/proc/${holder.pid}/ns/net`,
  ...more,
});

/** The sockets of the namespace: protocol, state, length of the queue, address. */
const sockets = (): string[] =>
  spawnSync('nsenter', [`--net=/proc/${holder.pid}/ns/net`, 'ss', '-Hltun'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(/\s+/))
    .map(([protocol, state, , queue, address]) => `${protocol} ${state} ${queue} ${address}`);

const web: PlanSocket = { open: 'tcp', port: 80, name: 'http' };
const dns: PlanSocket = { open: 'udp', port: 53, name: 'dns' };

async function end(run: RunningPod): Promise<string> {
  run.child.kill('SIGTERM');
  return (await run.ended).stdout;
}

/** Says what it was given, without opening anything in the place of a socket. */
const tell =
  'echo "$LISTEN_FDS $LISTEN_FDNAMES"; test $LISTEN_PID = $$ && for fd in 3 4; do readlink /proc/$$/fd/$fd; done; ';
const wait = 'echo there; trap "exit 0" TERM; while :; do sleep 1000 & wait; done';

test('they are of both IPv6 and IPv4, in the network of the pod, which may say how many wait', async () => {
  const app = pod.app({ script: tell + wait, sockets: [web, dns] });
  const run = pod.start(pod.plan([app], network({ sysctls: { 'net.core.somaxconn': '77' } })));
  await run.line('there');
  expect(sockets()).toEqual(['udp UNCONN 0 *:53', 'tcp LISTEN 77 *:80']);
  expect(await end(run)).toMatch(/^2 http:dns\nsocket:\[\d+\]\nsocket:\[\d+\]\nthere\n$/);
});

test('on a kernel without IPv6 they are of IPv4', async () => {
  const program = join(pod.dir, 'without-ipv6');
  makeWithoutIpv6(program);
  const app = pod.app({ script: tell + wait, sockets: [web, dns] });
  const run = pod.start(pod.plan([app], network()), { wrapper: [program] });
  await run.line('there');
  expect(sockets()).toEqual(['udp UNCONN 0 0.0.0.0:53', expect.stringMatching(/^tcp LISTEN \d+ 0\.0\.0\.0:80$/)]);
  await end(run);
});

test('only their own app has them, and they stay the same when it is started again', async () => {
  const count = 'n=$(cat /n 2>/dev/null || echo 0); n=$((n+1)); echo $n > /n; ';
  const run = pod.start(
    pod.plan(
      [
        pod.app({
          script: `${count}${tell}[ $n -lt 3 ] && exit 1; ${wait}`,
          sockets: [web, dns],
          restart: { policy: 'always' },
          preStart: ['/bin/sh', '-c', 'for fd in /proc/$$/fd/*; do readlink $fd; done; true'],
        }),
        pod.app({ name: 'other', script: 'ls -l /proc/$$/fd | grep -c socket; sleep 1000' }),
      ],
      network(),
    ),
  );
  await run.line('there');
  expect(sockets()).toEqual(['udp UNCONN 0 *:53', expect.stringMatching(/^tcp LISTEN \d+ \*:80$/)]);
  const lines = (await end(run)).split('\n');
  const runs = lines.filter((line) => line.startsWith('socket:'));
  expect(new Set(runs).size).toBe(2);
  expect(runs).toEqual([...runs.slice(0, 2), ...runs.slice(0, 2), ...runs.slice(0, 2)]);
  expect(lines.filter((line) => line === '2 http:dns')).toHaveLength(3);
  expect(lines).toContain('0');
  expect(sockets()).toEqual([]);
});

test.each<[string, PlanSocket]>([
  ['tcp port 80 for port "http"', web],
  ['udp port 53 for port "dns"', dns],
])('%s that somebody has is told, with the app', async (what, socket) => {
  const apps = [
    pod.app({ name: 'first', sockets: [socket], script: 'echo first' }),
    pod.app({ name: 'second', sockets: [socket], script: 'echo second' }),
  ];
  expect(await pod.run(apps, network())).toEqual({
    code: 254,
    stdout: '',
    stderr: `rkt: starting the pod: opening ${what} of app "second": Address already in use\n`,
  });
});
