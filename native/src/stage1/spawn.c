#include "stage1/spawn.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static pid_t clone_into(uint64_t namespaces, int cgroup) {
  struct clone_args args = {
      .flags = namespaces | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)cgroup};
  return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

int spawn(uint64_t namespaces, int cgroup, struct spawned *ret_spawned) {
  struct spawned spawned = {.pid = -1};
  if (cgroup >= 0) {
    spawned.pid = clone_into(namespaces, cgroup);
    spawned.in_cgroup = spawned.pid >= 0;
  }
  if (spawned.pid < 0)
    spawned.pid = (pid_t)syscall(SYS_clone, namespaces | SIGCHLD, NULL, NULL, NULL, NULL);
  if (spawned.pid < 0)
    return -errno;
  *ret_spawned = spawned;
  return 0;
}

pid_t spawn_sibling(pid_t *ret_pid) {
  /* clone(2): on every architecture that we know the third argument is where the number goes. */
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | CLONE_PARENT_SETTID | SIGCHLD, NULL, ret_pid, NULL, NULL);
  return pid < 0 ? -errno : pid;
}
