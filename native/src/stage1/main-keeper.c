/*
 * The keeper: executes the entrypoints of a stage1 that is an image, in the surroundings that it is promised (docs/stage1.md).
 *
 *   keeper run FILE ARGV...    for as long as the pod lives
 *   keeper join FILE ARGV...   beside it, with the mounts that the running keeper has made (stop)
 *   keeper enter FILE ARGV...  the same, and the caller's terminal stays outside: see enter-session.h. Also enter-tty, enter-no-tty
 *   keeper gc FILE ARGV...     when it is over
 *
 * The working directory is the pod's; FILE is the program in the store, ARGV its arguments from argv[0] on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/detach.h"
#include "stage1/epilogue.h"
#include "stage1/executable.h"
#include "stage1/exit-code.h"
#include "stage1/keeper-enter.h"
#include "stage1/keeper-mounts.h"
#include "stage1/keeper-run.h"
#include "stage1/message.h"
#include "stage1/monitor.h"
#include "stage1/pod-files.h"
#include "stage1/pod-open.h"
#include "stage1/signals.h"

static int read_plan(struct plan *ret_plan, struct rkt_error *err) {
  int result = plan_read(AT_FDCWD, ret_plan, err);
  if (result == 0 && ret_plan->stage1 == NULL)
    return rkt_fail(err, 0, "the pod runs by the built-in stage1");
  if (result == 0 && plan_debug(ret_plan))
    message_enable_debug();
  return result;
}

static bool same_directory(const struct stat *a, const struct stat *b) {
  return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_lock(const struct plan *plan, struct rkt_error *err) {
  struct stat here;
  struct stat locked;
  if (stat(".", &here) < 0 || fstat((int)plan->lock_fd, &locked) < 0 || !same_directory(&here, &locked))
    return rkt_fail(err, 0, "descriptor %u is not the lock of the pod's directory", plan->lock_fd);
  if (flock((int)plan->lock_fd, LOCK_EX | LOCK_NB) < 0)
    return rkt_fail(err, errno, "locking the pod's directory");
  return 0;
}

static int run(struct keeper_program *program, struct rkt_error *err) {
  struct plan plan;
  int result = pod_fill_streams(err);
  if (result == 0)
    result = read_plan(&plan, err);
  if (result == 0)
    result = check_lock(&plan, err);
  if (result < 0)
    return result;
  const uint32_t kept[] = {plan.lock_fd, plan.lease_fd, plan.ready_fd};
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  umask(022);
  signals_take_over();
  program->directory_fd = (int)plan.lock_fd;
  int code = EXIT_OWN_FAILURE;
  result = pod_check_streams(err);
  if (result == 0)
    result = pod_keep_descriptors(kept, sizeof(kept) / sizeof(kept[0]), err);
  if (result == 0)
    result = detach(&plan, err);
  if (result == 0) {
    code = keeper_run(&plan, program);
  } else {
    message_print("%s", err->message);
    monitor_clean_up(&plan);
  }
  epilogue_run(&plan);
  exit(code);
}

/* A keeper works in the directory of its pod; a process that merely has its number does not. */
static int open_keeper(int *ret_process, struct rkt_error *err) {
  pid_t pid;
  int result = pod_files_read_pid(AT_FDCWD, KEEPER_FILE, &pid, err);
  if (result < 0)
    return result;
  cleanup_close int process = pidfd_open(pid, 0);
  char path[64];
  struct stat its;
  struct stat ours;
  snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
  if (process < 0 || stat(path, &its) < 0 || stat(".", &ours) < 0 || !same_directory(&its, &ours) ||
      pidfd_send_signal(process, 0, NULL, 0) < 0)
    return rkt_fail(err, 0, "the pod is not running");
  *ret_process = rkt_steal_fd(&process);
  return 0;
}

static int join(struct rkt_error *err) {
  bool locked;
  int result = pod_is_locked(&locked, err);
  if (result == 0 && !locked)
    return rkt_fail(err, 0, "the pod is not running");
  cleanup_close int process = -1;
  if (result == 0)
    result = open_keeper(&process, err);
  if (result < 0)
    return result;
  cleanup_free char *dir = getcwd(NULL, 0);
  if (dir == NULL || setns(process, CLONE_NEWNS) < 0 || chdir(dir) < 0)
    return rkt_fail(err, errno, "joining the mounts of the pod");
  return 0;
}

static int execute_beside(const struct keeper_program *program, struct rkt_error *err) {
  int result = join(err);
  return result < 0 ? result : keeper_execute(program, err);
}

static int enter(const struct keeper_program *program, const char *mode, struct rkt_error *err) {
  enum enter_terminal wanted = strcmp(mode, "enter-tty") == 0      ? ENTER_TERMINAL_ALWAYS
                               : strcmp(mode, "enter-no-tty") == 0 ? ENTER_TERMINAL_NEVER
                                                                   : ENTER_TERMINAL_AUTO;
  int code = EXIT_OWN_FAILURE;
  int result = pod_fill_streams(err);
  if (result == 0)
    result = join(err);
  if (result == 0)
    result = keeper_enter(program, wanted, &code, err);
  if (result == 0)
    exit(code);
  return result;
}

static bool is_enter(const char *mode) {
  return strcmp(mode, "enter") == 0 || strcmp(mode, "enter-tty") == 0 || strcmp(mode, "enter-no-tty") == 0;
}

static int collect(const struct keeper_program *program, struct rkt_error *err) {
  struct plan plan;
  int result = read_plan(&plan, err);
  if (result == 0)
    result = keeper_mount_remains(&plan, err);
  return result < 0 ? result : keeper_execute(program, err);
}

int main(int argc, char **argv) {
  struct rkt_error err;
  int result = executable_protect(argv, "rkt-keeper", &err);
  if (result == 0 && argc < 4)
    result = rkt_fail(&err, 0, "usage: keeper run|join|enter|gc FILE ARGV...");
  if (result == 0) {
    struct keeper_program program = {.file = argv[2], .argv = argv + 3, .directory_fd = -1};
    if (strcmp(argv[1], "run") == 0)
      run(&program, &err);
    else if (strcmp(argv[1], "join") == 0)
      execute_beside(&program, &err);
    else if (is_enter(argv[1]))
      enter(&program, argv[1], &err);
    else if (strcmp(argv[1], "gc") == 0)
      collect(&program, &err);
    else
      rkt_fail(&err, 0, "unknown way to execute: %s", argv[1]);
  }
  message_print("%s", err.message);
  return EXIT_OWN_FAILURE;
}
