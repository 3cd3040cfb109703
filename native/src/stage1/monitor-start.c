#include "stage1/monitor-start.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/exit-code.h"
#include "stage1/gate.h"
#include "stage1/init.h"
#include "stage1/message.h"
#include "stage1/pod-files.h"
#include "stage1/report.h"
#include "stage1/spawn.h"

/*
 * The init dies with the monitor. If that died before the kernel was told so, its end of the socket is closed; after
 * prctl the signal comes for sure. (getppid says nothing: a parent outside the PID namespace is always 0.)
 */
static void die_with_monitor(int socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  struct pollfd wait = {.fd = socket};
  if (poll(&wait, 1, 0) != 0)
    _exit(EXIT_OWN_FAILURE);
}

/*
 * The lock and the lease must end with the monitor, so the init keeps no copy of their descriptors. Its socket becomes 3,
 * the gate 4 and 5, and everything above is closed but for the streams of the apps.
 */
static _Noreturn void become_init(const struct plan *plan, struct stream_ends *streams, int socket,
                                  const struct gate *gate, bool in_unified) {
  struct gate moved = {.wait = fcntl(gate->wait, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD),
                       .hold = fcntl(gate->hold, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD)};
  struct gate kept = {.wait = 4, .hold = 5};
  if (moved.wait < 0 || moved.hold < 0 || (socket != 3 && dup3(socket, 3, O_CLOEXEC) < 0) ||
      dup3(moved.wait, kept.wait, O_CLOEXEC) < 0 || dup3(moved.hold, kept.hold, O_CLOEXEC) < 0 ||
      streams_keep_only(streams, plan->apps.count) < 0)
    _exit(EXIT_OWN_FAILURE);
  die_with_monitor(3);
  message_set_output(STDERR_FILENO);
  prctl(PR_SET_NAME, "rkt-init", 0, 0, 0);
  init_run(plan, streams, 3, &kept, in_unified);
}

static uint64_t namespaces_of(const struct plan *plan) {
  uint64_t flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS;
  return (plan->flags & PLAN_FLAG_HOST_IPC) != 0 ? flags : flags | CLONE_NEWIPC;
}

static int start_init(const struct plan *plan, struct stream_ends *streams, const struct gate *gate,
                      struct monitor_child *ret_child, struct rkt_error *err) {
  int sockets[2];
  int result = report_open(sockets);
  if (result < 0)
    return rkt_fail(err, -result, "making a socket pair");
  cleanup_close int own_end = sockets[0];
  cleanup_close int init_end = sockets[1];
  cleanup_close int group = cgroup_open_unified(plan, CGROUP_INIT);
  struct spawned child;
  result = spawn(namespaces_of(plan), group, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting the pod's init in new namespaces");
  if (child.pid == 0)
    become_init(plan, streams, init_end, gate, child.in_cgroup);

  int pidfd = pidfd_open(child.pid, 0);
  if (pidfd < 0) {
    result = rkt_fail(err, errno, "opening a descriptor of the pod's init");
    kill(child.pid, SIGKILL);
    waitpid(child.pid, NULL, 0);
    return result;
  }
  *ret_child = (struct monitor_child){.pid = child.pid, .pidfd = pidfd, .socket = rkt_steal_fd(&own_end)};
  return 0;
}

static void kill_init(const struct monitor_child *child) {
  pidfd_send_signal(child->pidfd, SIGKILL, NULL, 0);
  while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  close(child->pidfd);
  close(child->socket);
}

int monitor_start(const struct plan *plan, int dir, struct stream_ends *streams, struct monitor_child *ret_child,
                  struct rkt_error *err) {
  int result = pod_files_make_directories(dir, plan, err);
  if (result == 0)
    result = cgroup_create(plan, err);
  if (result < 0)
    return result;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0)
    return rkt_fail(err, errno, "making a pipe");
  /* Let go of when this function ends; where it fails, the init has been killed by then. */
  cleanup_close int wait_end = ends[0];
  cleanup_close int hold_end = ends[1];
  struct gate gate = {.wait = wait_end, .hold = hold_end};
  struct monitor_child child;
  result = start_init(plan, streams, &gate, &child, err);
  if (result < 0)
    return result;
  /* While the init sets itself up; on a journaling file system each of these takes longer than most of that. */
  result = pod_files_write_cgroup(dir, plan, err);
  if (result == 0)
    result = pod_files_write_pid(dir, child.pid, err);
  if (result < 0) {
    kill_init(&child);
    return result;
  }
  *ret_child = child;
  return 0;
}
