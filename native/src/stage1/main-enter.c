/* The stage1 entrypoint `enter`: runs a command inside an app, with the bounds of the app and no others. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/arguments.h"
#include "stage1/cgroup.h"
#include "stage1/executable.h"
#include "stage1/exit-code.h"
#include "stage1/launch.h"
#include "stage1/message.h"
#include "stage1/pod-files.h"
#include "stage1/pod-open.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"
#include "stage1/userns.h"

static const char *const options[] = {"--debug=", "--pid=", "--appname=", NULL};

static bool same_namespace(pid_t a, pid_t b) {
  char path[64];
  struct stat of_a;
  struct stat of_b;
  snprintf(path, sizeof(path), "/proc/%d/ns/pid", a);
  bool known = stat(path, &of_a) == 0;
  snprintf(path, sizeof(path), "/proc/%d/ns/pid", b);
  return known && stat(path, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

static int check_pod(const char *given, pid_t *ret_init, struct rkt_error *err) {
  bool locked;
  int result = pod_is_locked(&locked, err);
  if (result == 0 && !locked)
    return rkt_fail(err, 0, "the pod is not running");
  pid_t init = 0;
  if (result == 0)
    result = pod_files_read_pid(AT_FDCWD, "pid", &init, err);
  if (result < 0)
    return result;
  if (given != NULL && strtol(given, NULL, 10) != init)
    return rkt_fail(err, 0, "--pid is %s, but the pod's init is process %d", given, init);
  *ret_init = init;
  return 0;
}

/*
 * A descriptor of the app's main process. Opened first, then examined, then seen alive: a number that was given to
 * another process in between is noticed by its PID namespace, which must be the pod's and not ours.
 */
static int open_app(pid_t init, const char *app, int *ret_process, struct rkt_error *err) {
  pid_t pid;
  int result = pod_files_read_app_pid(AT_FDCWD, app, &pid, err);
  if (result < 0)
    return result;
  cleanup_close int process = pidfd_open(pid, 0);
  if (process < 0)
    return rkt_fail(err, 0, "the app has ended");
  bool is_init;
  pid_t parent;
  result = pod_examine_init(init, &is_init, &parent, err);
  if (result < 0)
    return result;
  if (!is_init || !same_namespace(pid, init))
    return rkt_fail(err, 0, "process %d is not in the pod", pid);
  struct pollfd ended = {.fd = process, .events = POLLIN};
  if (poll(&ended, 1, 0) != 0)
    return rkt_fail(err, 0, "the app has ended");
  *ret_process = rkt_steal_fd(&process);
  return 0;
}

/* The command dies with us; a parent outside the PID namespace shows as 0, so the pipe tells whether we were too late. */
static void die_with_parent(int pipe_end) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  struct pollfd wait = {.fd = pipe_end};
  if (poll(&wait, 1, 0) != 0)
    _exit(EXIT_OWN_FAILURE);
}

struct command {
  const struct plan *plan;
  const struct plan_app *app;
  char **arguments;
  int *groups; /* descriptors of the app's cgroups */
  int userns;  /* of userns.h */
};

static _Noreturn void run_command(const struct command *command, int pipe_end) {
  struct rkt_error err;
  size_t count = 0;
  while (command->arguments[count] != NULL)
    count++;
  struct plan_command planned = {.args = {.items = command->arguments, .count = count}};
  die_with_parent(pipe_end);
  if (cgroup_join_opened(command->groups, command->plan->cgroups.count, &err) == 0 &&
      userns_join(command->userns, &err) == 0)
    launch_command(command->app, &planned, &err);
  message_print("entering app \"%s\": %s", command->app->name, err.message);
  _exit(EXIT_OWN_FAILURE);
  /* A system call filter may refuse even that. */
  __builtin_trap();
}

static int wait_for_command(pid_t pid, int signals) {
  cleanup_close int process = pidfd_open(pid, 0);
  struct pollfd waits[] = {{.fd = process, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
  while (waits[0].revents == 0 && process >= 0) {
    if (poll(waits, 2, -1) < 0 && errno != EINTR)
      break;
    for (int number; (number = signals_next(signals)) != 0;)
      if (number != SIGCHLD)
        pidfd_send_signal(process, number, NULL, 0);
  }
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR)
      return EXIT_OWN_FAILURE;
  return exit_code_of(status);
}

static int start_command(const struct command *command, pid_t *ret_pid, struct rkt_error *err) {
  int ends[2];
  struct spawned child;
  if (pipe2(ends, O_CLOEXEC) < 0)
    return rkt_fail(err, errno, "making a pipe");
  /* The write end stays open for as long as we live. */
  cleanup_close int read_end = ends[0];
  int result = spawn(0, -1, &child);
  if (result < 0)
    return rkt_fail(err, -result, "starting the command");
  if (child.pid == 0) {
    close(ends[1]);
    run_command(command, read_end);
  }
  *ret_pid = child.pid;
  return 0;
}

static int enter(struct command *command, int process, int *ret_code, struct rkt_error *err) {
  int signals = signals_open();
  if (signals < 0)
    return rkt_fail(err, -signals, "opening a signal descriptor");
  cleanup_free int *groups = calloc(command->plan->cgroups.count + 1, sizeof(int));
  if (groups == NULL)
    return rkt_fail(err, ENOMEM, "joining the app's cgroups");
  command->groups = groups;
  int result = cgroup_open(command->plan, command->app->name, groups, err);
  if (result < 0)
    return result;
  result = userns_open(command->plan, &command->userns, err);
  if (result < 0)
    return result;
  int namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
  if (setns(process, namespaces) < 0)
    return rkt_fail(err, errno, "joining the app's namespaces");
  pid_t pid = 0;
  result = start_command(command, &pid, err);
  if (result == 0)
    *ret_code = wait_for_command(pid, signals);
  return result;
}

static int run(const struct arguments *arguments, int *ret_code, struct rkt_error *err) {
  if (arguments->app == NULL || arguments->command == NULL)
    return rkt_fail(err, 0, "usage: enter --pid=PID --appname=NAME -- COMMAND [ARGUMENT...]");
  int result = pod_fix_streams(err);
  if (result == 0 && close_range(3, ~0u, 0) < 0)
    result = rkt_fail(err, errno, "closing descriptors");
  struct plan plan;
  bool running = false;
  if (result == 0)
    result = pod_is_locked(&running, err);
  /* The monitor removes the plan at the end. */
  if (result == 0 && !running)
    result = rkt_fail(err, 0, "the pod is not running");
  if (result == 0)
    result = plan_read(AT_FDCWD, &plan, err);
  if (result < 0)
    return result;
  const struct plan_app *app = plan_find_app(&plan, arguments->app);
  if (app == NULL)
    return rkt_fail(err, 0, "the pod has no such app");
  pid_t init = 0;
  result = check_pod(arguments->pid, &init, err);
  cleanup_close int process = -1;
  if (result == 0)
    result = open_app(init, app->name, &process, err);
  struct command command = {.plan = &plan, .app = app, .arguments = arguments->command};
  return result < 0 ? result : enter(&command, process, ret_code, err);
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  struct rkt_error err;
  int code = EXIT_OWN_FAILURE;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signals_take_over();
  /* The command is executed in the app, where "#!/proc/self/exe" is this program. */
  int result = executable_protect(argv, &err);
  if (result == 0)
    result = arguments_parse(argc, argv, options, &arguments, &err);
  if (result == 0)
    result = run(&arguments, &code, &err);
  if (result == 0)
    return code;
  message_print("entering app \"%s\": %s", arguments.app != NULL ? arguments.app : "", err.message);
  return EXIT_OWN_FAILURE;
}
