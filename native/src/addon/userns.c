#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "netns.h"

/* What the holder of the namespaces runs on; it only ever makes one system call. */
#define STACK_SIZE 16384

/* Nothing but system calls: the memory is node's. It ends with node, also where that is killed before it could do anything. */
static int hold(void *argument) {
  if (syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || syscall(SYS_getppid) != *(const pid_t *)argument)
    return 1;
  for (;;)
    syscall(SYS_ppoll, NULL, 0, NULL, NULL, 0);
  return 0;
}

static int write_map(pid_t pid, const char *file, const struct rkt_userns *users, const char **ret_syscall,
                     struct rkt_error *err) {
  char path[64];
  char line[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
  int length = snprintf(line, sizeof(line), "0 %u %u\n", users->shift, users->range);
  *ret_syscall = "write";
  cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, line, (size_t)length) != length)
    return rkt_fail(err, errno, "mapping the ids %u to %u into a user namespace", users->shift,
                    users->shift + (users->range - 1));
  return 0;
}

static int pin(pid_t pid, const char *kind, const char *target, const char **ret_syscall, struct rkt_error *err) {
  char source[64];
  snprintf(source, sizeof(source), "/proc/%d/ns/%s", pid, kind);
  *ret_syscall = "open";
  int fd = open(target, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0444);
  if (fd < 0)
    return rkt_fail(err, errno, "making %s for a namespace", target);
  close(fd);
  *ret_syscall = "mount";
  if (mount(source, target, NULL, MS_BIND, NULL) == 0)
    return 0;
  int result = rkt_fail(err, errno, "pinning a new namespace on %s", target);
  unlink(target);
  return result;
}

static int enter_network(const char *netns, const char **ret_syscall, struct rkt_error *err) {
  cleanup_close int fd = open(netns, O_RDONLY | O_CLOEXEC);
  *ret_syscall = "setns";
  if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
    return rkt_fail(err, errno, "entering the new network namespace");
  return rkt_netns_set_loopback_up(ret_syscall, err);
}

static int set_up(pid_t pid, const struct rkt_userns *users, const char **ret_syscall, struct rkt_error *err) {
  int result = write_map(pid, "gid_map", users, ret_syscall, err);
  if (result == 0)
    result = write_map(pid, "uid_map", users, ret_syscall, err);
  if (result == 0)
    result = pin(pid, "user", users->path, ret_syscall, err);
  if (result < 0 || users->netns == NULL)
    return result;
  const char *ignored_syscall;
  struct rkt_error ignored;
  result = pin(pid, "net", users->netns, ret_syscall, err);
  if (result == 0) {
    result = enter_network(users->netns, ret_syscall, err);
    if (result < 0)
      rkt_netns_remove(users->netns, &ignored_syscall, &ignored);
  }
  if (result < 0)
    rkt_netns_remove(users->path, &ignored_syscall, &ignored);
  return result;
}

/*
 * A process with many threads cannot make a user namespace for itself, so one is cloned that holds the new namespaces until they are
 * pinned. It shares node's memory: copying that would take longer than all the rest. Its end is told to nobody but us (no
 * signal), as node must not take it for a child of its own.
 */
int rkt_userns_create(const struct rkt_userns *users, const char **ret_syscall, struct rkt_error *err) {
  char stack[STACK_SIZE] __attribute__((aligned(16)));
  int flags = CLONE_NEWUSER | CLONE_VM | (users->netns == NULL ? 0 : CLONE_NEWNET);
  *ret_syscall = "clone";
  pid_t own = getpid();
  pid_t pid = clone(hold, stack + sizeof(stack), flags, &own);
  if (pid < 0)
    return rkt_fail(err, errno == EUSERS || errno == ENOSPC ? EUSERS : errno, "making a user namespace");
  int result = set_up(pid, users, ret_syscall, err);
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
    continue;
  return result;
}
