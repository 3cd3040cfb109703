#include "stage1/keeper-run.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/cgroup.h"
#include "stage1/exit-code.h"
#include "stage1/init-setup.h"
#include "stage1/keeper-mounts.h"
#include "stage1/keeper-ready.h"
#include "stage1/memory.h"
#include "stage1/message.h"
#include "stage1/monitor.h"
#include "stage1/pod-files.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"

#define KILL_TIMEOUT_MS 10000

struct keeper {
  const struct plan *plan;
  pid_t pid;
  int process; /* descriptor of it */
  int signals;
  int watch; /* of keeper-ready.h */
  struct timespec deadline; /* when it gets killed; 0: never */
};

/* A pod ends with the keeper. One that died before the kernel was told so is not our parent any more. */
static void die_with_keeper(pid_t keeper) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != keeper)
    _exit(EXIT_OWN_FAILURE);
}

static _Noreturn void become_stage1(const struct plan *plan, const struct keeper_program *program, bool in_unified,
                                    pid_t keeper) {
  struct rkt_error err;
  die_with_keeper(keeper);
  signals_release();
  unsetenv("NOTIFY_SOCKET");
  int result = cgroup_join(plan, CGROUP_INIT, in_unified, &err);
  if (result == 0)
    result = init_join_network(plan, &err);
  if (result == 0)
    keeper_execute(program, &err);
  message_print("starting stage1: %s", err.message);
  _exit(EXIT_OWN_FAILURE);
}

static int start(struct keeper *keeper, const struct keeper_program *program, struct rkt_error *err) {
  cleanup_close int group = cgroup_open_unified(keeper->plan, CGROUP_INIT);
  struct spawned child;
  pid_t own = getpid();
  int result = spawn(0, group, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting stage1");
  if (child.pid == 0)
    become_stage1(keeper->plan, program, child.in_cgroup, own);
  keeper->pid = child.pid;
  keeper->process = pidfd_open(child.pid, 0);
  if (keeper->process >= 0)
    return 0;
  result = rkt_fail(err, errno, "opening a descriptor of stage1");
  kill(child.pid, SIGKILL);
  waitpid(child.pid, NULL, 0);
  return result;
}

static void start_deadline(struct keeper *keeper) {
  if (keeper->deadline.tv_sec != 0)
    return;
  clock_gettime(CLOCK_MONOTONIC, &keeper->deadline);
  keeper->deadline.tv_sec += keeper->plan->stop_timeout_ms / 1000;
  keeper->deadline.tv_nsec += (long)(keeper->plan->stop_timeout_ms % 1000) * 1000000;
}

static int milliseconds_left(const struct keeper *keeper) {
  struct timespec now;
  if (keeper->deadline.tv_sec == 0)
    return -1;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long left =
      (keeper->deadline.tv_sec - now.tv_sec) * 1000 + (keeper->deadline.tv_nsec - now.tv_nsec + 999999) / 1000000;
  return left < 0 ? 0 : (int)left;
}

/* What a terminal sends, it sends to stage1 as well, which is in the same process group. */
static void pass_signals(struct keeper *keeper) {
  struct signalfd_siginfo info;
  while (read(keeper->signals, &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGCHLD || info.ssi_code == SI_KERNEL)
      continue;
    if (signals_is_stop((int)info.ssi_signo))
      start_deadline(keeper);
    pidfd_send_signal(keeper->process, (int)info.ssi_signo, NULL, 0);
  }
}

static int wait_for_end(struct keeper *keeper) {
  struct pollfd waits[] = {{.fd = keeper->process, .events = POLLIN},
                           {.fd = keeper->signals, .events = POLLIN},
                           {.fd = keeper->watch, .events = POLLIN}};
  memory_release_code();
  while (waits[0].revents == 0) {
    int ready = poll(waits, 3, milliseconds_left(keeper));
    if (ready == 0) {
      message_debug("stage1 did not stop in time and is killed");
      pidfd_send_signal(keeper->process, SIGKILL, NULL, 0);
      keeper->deadline.tv_sec = 0;
    }
    if (ready > 0 && waits[1].revents != 0)
      pass_signals(keeper);
    if (ready > 0 && waits[2].revents != 0 && keeper_ready_check(keeper->plan, keeper->watch))
      waits[2].fd = -1;
  }
  int status = 0;
  while (waitpid(keeper->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return exit_code_of(status);
}

static int write_own_pid(struct rkt_error *err) {
  cleanup_close int fd = open(KEEPER_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (fd < 0 || dprintf(fd, "%d", getpid()) < 0)
    return rkt_fail(err, errno, "writing " KEEPER_FILE " in the pod's directory");
  return 0;
}

static int run(const struct plan *plan, const struct keeper_program *program, int *ret_code, struct rkt_error *err) {
  cleanup_close int dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  struct keeper keeper = {.plan = plan, .process = -1, .signals = signals_open(), .watch = -1};
  int result = dir < 0 ? rkt_fail(err, errno, "opening the pod's directory") : 0;
  if (result == 0 && keeper.signals < 0)
    result = rkt_fail(err, -keeper.signals, "opening a signal descriptor");
  if (result == 0)
    result = cgroup_create(plan, err);
  if (result == 0)
    result = pod_files_write_cgroup(dir, plan, err);
  if (result == 0)
    result = keeper_mount_pod(plan, err);
  if (result == 0)
    result = write_own_pid(err);
  if (result == 0)
    result = keeper_ready_open(&keeper.watch, err);
  if (result == 0)
    result = start(&keeper, program, err);
  if (result < 0)
    return result;
  *ret_code = wait_for_end(&keeper);
  /* What stage1 has left running would keep the pod's address and its groups. */
  return cgroup_kill(plan, KILL_TIMEOUT_MS, err);
}

int keeper_run(const struct plan *plan, const struct keeper_program *program) {
  struct rkt_error err;
  int code = EXIT_OWN_FAILURE;
  if (run(plan, program, &code, &err) < 0)
    message_print("%s", err.message);
  monitor_clean_up(plan);
  return code;
}
