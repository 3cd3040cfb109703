/** The network namespace, kernel parameters, and the lease. Nothing here touches the host's network. */

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { TestPod } from './harness.ts';

let pod: TestPod;
beforeEach(() => {
  pod = new TestPod();
});
afterEach(async () => {
  expect(await pod.finish()).toEqual([]);
});

describe('in a network namespace', () => {
  let holder: ChildProcess;
  beforeEach(async () => {
    holder = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((resolve) => holder.stdout?.once('data', resolve));
  });
  afterEach(async () => {
    holder.stdin?.end();
    await new Promise((resolve) => holder.once('exit', resolve));
  });

  test('apps are in it, with its /sys, and kernel parameters are set there only', async () => {
    const netns = `/proc/${holder.pid}/ns/net`;
    const setting = '/proc/sys/net/ipv4/ip_default_ttl';
    const before = readFileSync(setting, 'utf8');
    const outcome = await pod.script(
      `test /proc/self/ns/net -ef /proc/1/ns/net; ls /sys/class/net; cat ${setting} /proc/sys/kernel/msgmax`,
      {},
      { netns, sysctls: { 'net.ipv4.ip_default_ttl': '77', 'kernel.msgmax': '4444' } },
    );
    expect(outcome).toEqual({ code: 0, stdout: 'lo\n77\n4444\n', stderr: '' });
    expect(readFileSync(setting, 'utf8')).toBe(before);
  });

  test('a parameter that does not exist is told', async () => {
    const options = { netns: `/proc/${holder.pid}/ns/net`, sysctls: { 'net.no.such': '1' } };
    const { code, stderr } = await pod.script('true', {}, options);
    expect([code, stderr]).toEqual([
      254,
      'rkt: starting the pod: setting the kernel parameter net.no.such=1: No such file or directory\n',
    ]);
  });
});

describe('the lease', () => {
  const start = (script: string) => {
    const run = pod.start(pod.plan([pod.app({ script })], { leaseFd: 4 }), {
      stdio: ['pipe', 'pipe', 'pipe', pod.lockFd, 'pipe'],
    });
    return { run, lease: run.child.stdio[4] as Socket };
  };

  test('is kept while the pod runs and closed at its end', async () => {
    const { run, lease } = start('echo ready; read line; exit 3');
    let closed = false;
    const end = new Promise<void>((resolve) =>
      lease
        .once('end', () => {
          closed = true;
          resolve();
        })
        .resume(),
    );
    await run.line('ready');
    expect(closed).toBe(false);
    run.child.stdin?.end('go\n');
    await end;
    expect((await run.ended).code).toBe(3);
  });

  test('ends with a killed monitor', async () => {
    const { run, lease } = start('echo ready; sleep 1000');
    const end = new Promise((resolve) => lease.once('end', resolve).resume());
    await run.line('ready');
    await pod.appPid('app');
    run.child.kill('SIGKILL');
    await end;
    await run.ended;
    expect((await pod.entrypoint('gc', [pod.uuid]).ended).code).toBe(0);
  });

  test('that the service drops is none of the pod’s business', async () => {
    const { run, lease } = start('echo ready; read line; exit 3');
    await run.line('ready');
    lease.destroy();
    run.child.stdin?.end('go\n');
    expect((await run.ended).code).toBe(3);
  });
});
