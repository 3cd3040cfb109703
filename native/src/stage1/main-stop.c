/* The stage1 entrypoint `stop`: asks a pod's monitor to end the pod, or kills the pod with --force. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/arguments.h"
#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/pod-files.h"
#include "stage1/pod-open.h"

static const char *const options[] = {"--debug=", "--force", NULL};

static int check_running(struct rkt_error *err) {
  bool locked;
  int result = pod_is_locked(&locked, err);
  if (result == 0 && !locked)
    return rkt_fail(err, 0, "the pod is not running");
  return result;
}

/* A monitor works in the directory of its pod; a process that merely has its number does not. */
static int check_monitor(pid_t pid, struct rkt_error *err) {
  char path[64];
  struct stat its;
  struct stat ours;
  snprintf(path, sizeof(path), "/proc/%d/cwd", pid);
  if (stat(path, &its) < 0 || stat(".", &ours) < 0)
    return rkt_fail(err, errno, "examining the pod's monitor, process %d", pid);
  if (its.st_dev != ours.st_dev || its.st_ino != ours.st_ino)
    return rkt_fail(err, 0, "process %d is not the pod's monitor", pid);
  return 0;
}

/*
 * Descriptors of the pod's init and its monitor. Both are opened before they are examined, and the init is seen alive
 * afterwards, so that the numbers still meant these processes.
 */
static int open_processes(int *ret_init, int *ret_monitor, struct rkt_error *err) {
  pid_t pid;
  int result = pod_files_read_pid(AT_FDCWD, "pid", &pid, err);
  if (result < 0)
    return result;
  cleanup_close int init = pidfd_open(pid, 0);
  if (init < 0)
    return rkt_fail(err, errno, "opening process %d", pid);
  bool is_init;
  pid_t parent;
  result = pod_examine_init(pid, &is_init, &parent, err);
  if (result < 0)
    return result;
  cleanup_close int monitor = pidfd_open(parent, 0);
  if (!is_init || monitor < 0)
    return rkt_fail(err, 0, "process %d is not the init of a pod", pid);
  result = check_monitor(parent, err);
  if (result == 0 && pidfd_send_signal(init, 0, NULL, 0) < 0)
    result = rkt_fail(err, errno, "examining process %d", pid);
  if (result < 0)
    return result;
  *ret_init = rkt_steal_fd(&init);
  *ret_monitor = rkt_steal_fd(&monitor);
  return 0;
}

static int stop(bool force, struct rkt_error *err) {
  cleanup_close int init = -1;
  cleanup_close int monitor = -1;
  int result = check_running(err);
  if (result == 0)
    result = open_processes(&init, &monitor, err);
  if (result < 0)
    return result;
  if (pidfd_send_signal(force ? init : monitor, force ? SIGKILL : SIGTERM, NULL, 0) < 0)
    return rkt_fail(err, errno, "signalling the pod");
  return 0;
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  struct rkt_error err;
  int result = arguments_parse(argc, argv, options, &arguments, &err);
  if (result == 0 && arguments.uuid == NULL)
    result = rkt_fail(&err, 0, "the last argument must be the pod's UUID");
  if (result == 0)
    result = pod_fix_streams(&err);
  if (result == 0)
    result = stop(arguments.force, &err);
  if (result == 0)
    return 0;
  message_print("stopping the pod %s: %s", arguments.uuid == NULL ? "" : arguments.uuid, err.message);
  return EXIT_OWN_FAILURE;
}
