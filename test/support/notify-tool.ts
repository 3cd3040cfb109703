/** A program for images that speaks sd_notify(3), which busybox has no words for. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * `notify [-b] [-s SOCKET] MESSAGE...` sends every message to NOTIFY_SOCKET or to SOCKET; a message may hold \n. With -b it
 * sends a barrier after them, and waits for it. `notify -l SOCKET` prints one message that it receives there. With -w it passes a
 * connection on whose last close waits for a quarter of an hour, says so, and stays.
 */
const source = `
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int pass(int fd, struct sockaddr_un *address, socklen_t length, const char *text, int given) {
  char space[CMSG_SPACE(sizeof(int))] = {0};
  struct iovec data = {(void *)text, strlen(text)};
  struct msghdr message = {.msg_name = address, .msg_namelen = length, .msg_iov = &data, .msg_iovlen = 1,
                           .msg_control = space, .msg_controllen = sizeof(space)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  memcpy(CMSG_DATA(header), &given, sizeof(int));
  if (sendmsg(fd, &message, 0) < 0) return 1;
  close(given);
  return 0;
}

static int barrier(int fd, struct sockaddr_un *address, socklen_t length) {
  int ends[2];
  if (pipe(ends) < 0 || pass(fd, address, length, "BARRIER=1", ends[1]) != 0) return 1;
  struct pollfd wait = {.fd = ends[0], .events = POLLHUP};
  return poll(&wait, 1, -1) != 1;
}

static int linger(int fd, struct sockaddr_un *address, socklen_t length) {
  static char data[1 << 16];
  struct linger wait = {1, 900};
  struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof(local);
  int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(server, (struct sockaddr *)&local, size) < 0 || listen(server, 1) < 0 ||
      getsockname(server, (struct sockaddr *)&local, &size) < 0 || connect(client, (struct sockaddr *)&local, size) < 0 ||
      setsockopt(client, SOL_SOCKET, SO_LINGER, &wait, sizeof(wait)) < 0) return 6;
  while (send(client, data, sizeof(data), MSG_DONTWAIT) > 0) continue;
  /* Ours is not the last descriptor, and the end of a process waits for nothing. */
  int ends[2], failed = pipe(ends);
  pid_t child = fork();
  if (child == 0) {
    close(ends[1]);
    read(ends[0], data, 1);
    _exit(pass(fd, address, length, "X=1", dup(client)));
  }
  close(client);
  close(ends[1]);
  if (failed < 0 || waitpid(child, &failed, 0) != child || failed != 0) return 7;
  puts("passed");
  fflush(stdout);
  for (;;) pause();
}

static int receive(int fd, struct sockaddr_un *address, socklen_t length) {
  char text[4096];
  if (bind(fd, (struct sockaddr *)address, length) < 0) return 4;
  puts("listening");
  fflush(stdout);
  ssize_t size = recv(fd, text, sizeof(text), 0);
  if (size < 0) return 5;
  fwrite(text, 1, size, stdout);
  putchar('\\n');
  return 0;
}

int main(int argc, char **argv) {
  const char *path = getenv("NOTIFY_SOCKET");
  int option, fence = 0, listens = 0, lingers = 0;
  while ((option = getopt(argc, argv, "s:l:bw")) > 0) {
    if (option == 's' || option == 'l') path = optarg;
    if (option == 'l') listens = 1;
    if (option == 'w') lingers = 1;
    if (option == 'b') fence = 1;
  }
  if (path == NULL) return 2;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + strlen(path);
  if (path[0] == '@') address.sun_path[0] = 0; else length++;
  int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  if (listens) return receive(fd, &address, length);
  if (lingers) return linger(fd, &address, length);
  for (; optind < argc; optind++) {
    char text[65536];
    size_t size = 0;
    for (const char *at = argv[optind]; *at != 0; at++) {
      if (at[0] == '\\\\' && at[1] == 'n') { text[size++] = '\\n'; at++; }
      else text[size++] = *at;
    }
    if (sendto(fd, text, size, 0, (struct sockaddr *)&address, length) < 0) { perror("notify"); return 1; }
  }
  return fence && barrier(fd, &address, length) != 0 ? 3 : 0;
}
`;

/** Builds the program as `bin/notify` of an image's root filesystem. */
export function makeNotifyTool(rootfs: string): void {
  const file = join(rootfs, 'notify.c');
  mkdirSync(join(rootfs, 'bin'), { recursive: true });
  writeFileSync(file, source);
  const { status, stderr } = spawnSync('gcc', ['-static', '-O1', '-o', join(rootfs, 'bin', 'notify'), file], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`building the test's program: ${stderr}`);
}
