#include "stage1/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"
#include "stage1/pod-open.h"
#include "stage1/spawn.h"

/* systemd takes 4096 bytes; longer messages are not ours to understand. */
#define MESSAGE_SIZE 4096
/* So that an app that says too much does not keep the monitor from everything else. */
#define MESSAGES_AT_ONCE 32
/* As many descriptors as a message can bring; all are closed. */
#define MAX_FILES 253

/* Linux include/uapi/linux/pidfd.h and asm-generic/socket.h, newer than the headers of the oldest system that we are built on. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define PROCESS_INFO_CGROUP (UINT64_C(1) << 2)
#define PROCESS_INFO_EXIT (UINT64_C(1) << 3)
/* struct pidfd_info as of Linux 6.13; what follows in later ones is not asked for. */
struct process_info {
  uint64_t mask;
  uint64_t cgroup;
  uint32_t ids[11]; /* processes and users */
  int32_t exit_code;
};
#define GET_PROCESS_INFO _IOWR(0xff, 11, struct process_info)

int notify_bind(int root, int *ret_socket, struct rkt_error *err) {
  cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  int on = 1;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
    return rkt_fail(err, errno, "making the app's notification socket");
  /* Linux 6.5; without it, a sender has to live until its message was read. */
  (void)setsockopt(fd, SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on));
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

/*
 * Files of an app's, of which ours is the last descriptor, can take as long to close as the app wants (SO_LINGER in socket(7)). So
 * another process closes them, and nothing else: it has no copy of the lock. There is one at most; a signal ends what it waits for.
 */
#define UNWANTED_MAX MAX_FILES
struct unwanted {
  size_t count;
  uint32_t files[UNWANTED_MAX + 1]; /* one more for the closer's own */
};

static _Noreturn void become_closer(struct unwanted *unwanted, int released) {
  struct rkt_error ignored;
  char byte;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  unwanted->files[unwanted->count++] = (uint32_t)released;
  close_range(0, 2, 0);
  if (pod_keep_descriptors(unwanted->files, unwanted->count, &ignored) == 0)
    while (read(released, &byte, 1) < 0 && errno == EINTR)
      continue;
  _exit(0);
}

static void close_elsewhere(struct unwanted *unwanted) {
  static int closer = -1;
  int ends[2] = {-1, -1};
  struct spawned child = {.pid = -1};
  if (unwanted->count == 0)
    return;
  if (closer >= 0) {
    pidfd_send_signal(closer, SIGKILL, NULL, 0);
    close(closer);
    closer = -1;
  }
  if (pipe2(ends, O_CLOEXEC) == 0 && spawn(0, -1, &child) == 0) {
    if (child.pid == 0)
      become_closer(unwanted, ends[0]);
    closer = pidfd_open(child.pid, 0);
  }
  for (size_t i = 0; i < unwanted->count; i++)
    close((int)unwanted->files[i]);
  /* The other end of the pipe tells the closer that its descriptors are the last ones now. */
  for (int i = 0; i < 2; i++)
    if (ends[i] >= 0)
      close(ends[i]);
}

void notify_close(int socket) {
  struct pollfd unread = {.fd = socket, .events = POLLIN};
  struct unwanted unwanted = {.count = 1, .files = {(uint32_t)socket}};
  /* What was not read may have brought files. */
  if (poll(&unread, 1, 0) != 0)
    close_elsewhere(&unwanted);
  else
    close(socket);
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

struct sender {
  pid_t pid;
  int pidfd; /* -1: the kernel has not passed it */
};

static bool is_in_namespace(const struct sender *sender, const struct stat *mounts) {
  char path[64];
  struct stat its;
  snprintf(path, sizeof(path), "/proc/%d/ns/mnt", sender->pid);
  return sender->pid > 0 && stat(path, &its) == 0 && its.st_dev == mounts->st_dev && its.st_ino == mounts->st_ino;
}

/*
 * Also for one that has ended and was reaped: of that the kernel keeps its last group for as long as there is a pidfd of it (Linux 6.15),
 * and makes one with the message (6.16). No app can move its processes to a group of another.
 */
static bool is_in_cgroup(const struct sender *sender, uint64_t cgroup) {
  struct process_info info = {.mask = PROCESS_INFO_CGROUP | PROCESS_INFO_EXIT};
  return sender->pidfd >= 0 && cgroup != 0 && ioctl(sender->pidfd, GET_PROCESS_INFO, &info) == 0 &&
         (info.mask & PROCESS_INFO_CGROUP) != 0 && info.cgroup == cgroup;
}

static bool is_of(const struct sender *sender, const struct notify_place *place) {
  return is_in_namespace(sender, &place->mounts) || is_in_cgroup(sender, place->cgroup);
}

/* Descriptors may come with a message (FDSTORE=1, BARRIER=1): a sender that waits for a barrier waits for their end. */
static struct sender take_control(struct msghdr *message, struct unwanted *unwanted) {
  struct sender sender = {.pid = 0, .pidfd = -1};
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET)
      continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
      sender.pid = credentials.pid;
    } else if (header->cmsg_type == SCM_PIDFD) {
      memcpy(&sender.pidfd, CMSG_DATA(header), sizeof(sender.pidfd));
    } else if (header->cmsg_type == SCM_RIGHTS) {
      size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (size_t i = 0; i < count && unwanted->count < UNWANTED_MAX; i++)
        memcpy(&unwanted->files[unwanted->count++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
  }
  return sender;
}

/* 1: ready, 0: something else, -1: no message. */
static int receive_one(int socket, const struct notify_place *place) {
  char text[MESSAGE_SIZE];
  union {
    struct cmsghdr header;
    char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(sizeof(int)) + CMSG_SPACE(MAX_FILES * sizeof(int))];
  } control;
  struct iovec data = {.iov_base = text, .iov_len = sizeof(text)};
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0)
    return errno == EINTR ? 0 : -1;
  struct unwanted unwanted = {.count = 0};
  struct sender sender = take_control(&message, &unwanted);
  cleanup_close int pidfd = sender.pidfd;
  close_elsewhere(&unwanted);
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || !says_ready(text, (size_t)length))
    return 0;
  if (is_of(&sender, place))
    return 1;
  message_debug("process %d says that an app is ready, which it is not part of", sender.pid);
  return 0;
}

bool notify_receive(int socket, const struct notify_place *place) {
  bool ready = false;
  for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
    int result = receive_one(socket, place);
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
