/** An app that makes its monitor wait for a lock of the kernel's, where no signal wakes it. */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { TestPod } from '../harness.ts';

/** Holds the lock of its standard output while something is in there, and says so once nobody has read it for a while. */
const source = `
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
  static char lines[32768];
  int pair[2];
  memset(lines, '\\n', sizeof(lines));
  struct pollfd unread = {.fd = open("/proc/self/fd/1", O_RDONLY | O_NONBLOCK), .events = POLLIN};
  signal(SIGTERM, SIG_IGN);
  while (access("/dev/shm/go", F_OK) < 0) usleep(1000);
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0) return 1;
  for (;;) {
    pid_t pid = fork();
    if (pid == 0) {
      write(1, lines, sizeof(lines));
      splice(pair[0], 0, 1, 0, 4096, 0);
      _exit(0);
    }
    usleep(20000);
    if (poll(&unread, 1, 0) == 1) {
      close(open("/dev/shm/holds", O_CREAT | O_WRONLY, 0600));
      for (;;) pause();
    }
    kill(pid, SIGKILL);
    waitpid(pid, 0, 0);
  }
}
`;

test('cannot keep its pod from being stopped', async () => {
  const pod = new TestPod();
  const file = join(pod.image, 'attack.c');
  writeFileSync(file, source);
  const built = spawnSync('gcc', ['-static', '-O1', '-w', '-o', join(pod.image, 'bin', 'attack'), file]);
  expect(built.status).toBe(0);
  const run = pod.start(pod.plan([pod.app({ args: ['/bin/attack'] })], { stopTimeoutMs: 500 }));
  await pod.appPid('app');
  const enter = [
    '--appname=app',
    '--',
    'sh',
    '-c',
    'touch /dev/shm/go; until [ -e /dev/shm/holds ]; do sleep 0.02; done',
  ];
  expect((await pod.entrypoint('enter', enter).ended).code).toBe(0);
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(137);
  expect(await pod.finish()).toEqual([]);
});
