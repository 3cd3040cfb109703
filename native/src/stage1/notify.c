#include "stage1/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"

/* systemd takes 4096 bytes; longer messages are not ours to understand. */
#define MESSAGE_SIZE 4096
/* So that an app that says too much does not keep the monitor from everything else. */
#define MESSAGES_AT_ONCE 32
/* As many descriptors as a message can bring; all are closed. */
#define MAX_FILES 253

int notify_bind(int root, int *ret_socket, struct rkt_error *err) {
  cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
    return rkt_fail(err, errno, "making the app's notification socket");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d" NOTIFY_PATH, root);
  /* Every user of the app may write to it. */
  mode_t mask = umask(0);
  int result = bind(fd, (struct sockaddr *)&address, sizeof(address));
  int errnum = errno;
  umask(mask);
  if (result < 0)
    return rkt_fail(err, errnum, "making the app's notification socket " NOTIFY_PATH);
  *ret_socket = rkt_steal_fd(&fd);
  return 0;
}

static bool says_ready(const char *text, size_t length) {
  static const char ready[] = "READY=1";
  for (const char *at = text, *end = text + length; at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t size = (size_t)((newline == NULL ? end : newline) - at);
    if (size == sizeof(ready) - 1 && memcmp(at, ready, size) == 0)
      return true;
    at += size + 1;
  }
  return false;
}

static bool is_in(pid_t pid, const struct stat *mounts) {
  char path[64];
  struct stat its;
  snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
  /* One that has ended already cannot be told from a stranger. */
  return pid > 0 && stat(path, &its) == 0 && its.st_dev == mounts->st_dev && its.st_ino == mounts->st_ino;
}

/* Descriptors may come with a message (FDSTORE=1, BARRIER=1): a sender that waits for a barrier waits for their end. */
static pid_t take_control(struct msghdr *message) {
  pid_t sender = 0;
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET)
      continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
      sender = credentials.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(int));
        close(fd);
      }
    }
  }
  return sender;
}

/* 1: ready, 0: something else, -1: no message. */
static int receive_one(int socket, const struct stat *mounts) {
  char text[MESSAGE_SIZE];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(MAX_FILES * sizeof(int))];
  } control;
  struct iovec data = {.iov_base = text, .iov_len = sizeof(text)};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0)
    return errno == EINTR ? 0 : -1;
  pid_t sender = take_control(&message);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || !says_ready(text, (size_t)length))
    return 0;
  if (is_in(sender, mounts))
    return 1;
  message_debug("process %d says that an app is ready, which it is not part of", sender);
  return 0;
}

bool notify_receive(int socket, const struct stat *mounts) {
  bool ready = false;
  for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
    int result = receive_one(socket, mounts);
    if (result < 0)
      break;
    ready |= result == 1;
  }
  return ready;
}

int notify_send(const char *state, struct rkt_error *err) {
  const char *path = getenv("NOTIFY_SOCKET");
  if (path == NULL || (path[0] != '/' && path[0] != '@'))
    return 0;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(path);
  if (length >= sizeof(address.sun_path))
    return rkt_fail(err, ENAMETOOLONG, "notifying %s", path);
  memcpy(address.sun_path, path, length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (path[0] == '/' ? 1 : 0));
  if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address, size) < 0)
    return rkt_fail(err, errno, "notifying %s", path);
  return 0;
}
