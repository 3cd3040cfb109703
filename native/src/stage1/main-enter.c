/* The stage1 entrypoint `enter`: runs a command inside an app, with the bounds of the app and no others. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/arguments.h"
#include "stage1/cgroup.h"
#include "stage1/enter-session.h"
#include "stage1/executable.h"
#include "stage1/execute.h"
#include "stage1/exit-code.h"
#include "stage1/identity.h"
#include "stage1/launch.h"
#include "stage1/message.h"
#include "stage1/pod-files.h"
#include "stage1/pod-open.h"
#include "stage1/report.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"
#include "stage1/userns.h"

static const char *const options[] = {"--debug=", "--pid=", "--appname=", "--tty",  "--no-tty", "--env=",
                                      "--cwd=",   "--uid=", "--gid=",     "--gids=", "--or=",     NULL};

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
  if (result == -ENOENT)
    return rkt_fail(err, 0, "the app has not been started yet");
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

/* Descriptors of the guide, and of the command until it is executed. */
enum { GUIDE_PIPE = 3, GUIDE_REPORTS, GUIDE_USERNS, GUIDE_END };

struct command {
  const struct plan *plan;
  struct plan_app app; /* with the identity, the environment and the working directory of the command */
  const struct arguments *arguments;
  struct enter_session session;
  int *groups; /* descriptors of the app's cgroups */
  int userns;  /* of userns.h */
};

static size_t count_strings(char **strings) {
  size_t count = 0;
  while (strings != NULL && strings[count] != NULL)
    count++;
  return count;
}

static bool has_name_of(const char *entry, const char *other) {
  size_t length = strcspn(other, "=") + 1;
  return strncmp(entry, other, length) == 0;
}

/* The app's environment with what was given besides: in the place of a variable of that name, or after all others. */
static int merge_environment(struct plan_app *app, char **given, struct rkt_error *err) {
  size_t count = app->env.count;
  char **merged = calloc(count + count_strings(given) + 1, sizeof(char *));
  if (merged == NULL)
    return rkt_fail(err, ENOMEM, "making the environment");
  for (size_t i = 0; i < count; i++)
    merged[i] = plan_strings(&app->env)[i];
  for (; given != NULL && *given != NULL; given++) {
    size_t at = 0;
    while (at < count && !has_name_of(merged[at], *given))
      at++;
    merged[at] = *given;
    count += at == count;
  }
  app->env = (struct plan_list){.items = merged, .count = count};
  return 0;
}

/* Another user within the same bounds: capabilities, filter and all that is not a user or a group stay the app's. */
static void take_identity(struct plan_app *app, const struct arguments *arguments) {
  if (arguments->uid != NULL)
    app->uid = *arguments->uid;
  if (arguments->gid != NULL)
    app->gid = *arguments->gid;
  if (arguments->groups != NULL)
    app->groups = (struct plan_list){.items = (void *)(uintptr_t)arguments->groups, .count = arguments->group_count};
}

static int execute_command(const struct command *command, struct rkt_error *err) {
  char **args = command->arguments->command;
  struct plan_command planned = {.args = {.items = args, .count = count_strings(args)}};
  int result = launch_assume(&command->app, err);
  /* It may have been too late once more while the user changed. */
  die_with_parent(GUIDE_PIPE);
  if (result == 0)
    result = identity_filter(&command->app, err);
  if (result < 0)
    return result;
  result = execute(&command->app, &planned, err);
  if (result != -ENOENT || command->arguments->fallback == NULL)
    return result;
  char *fallback[] = {(char *)command->arguments->fallback, NULL};
  planned = (struct plan_command){.args = {.items = fallback, .count = 1}};
  return execute(&command->app, &planned, err);
}

static _Noreturn void run_command(const struct command *command) {
  struct rkt_error err;
  close(GUIDE_REPORTS);
  die_with_parent(GUIDE_PIPE);
  int result = enter_session_control(&command->session, command->app.uid, &err);
  if (result == 0)
    result = userns_own_streams(command->plan->userns, &command->app, &err);
  if (result == 0 && command->userns >= 0)
    result = userns_join(GUIDE_USERNS, &err);
  if (result == 0)
    execute_command(command, &err);
  message_print("entering app \"%s\": %s", command->app.name, err.message);
  _exit(EXIT_OWN_FAILURE);
  /* A system call filter may refuse even that. */
  __builtin_trap();
}

/* Lets go of everything but the streams and the given, which get the numbers that they are known by, from GUIDE_PIPE on. -1: none. */
static int drop_descriptors(const int *given, struct rkt_error *err) {
  int copies[GUIDE_END - GUIDE_PIPE];
  for (int i = 0; i < GUIDE_END - GUIDE_PIPE; i++) {
    copies[i] = given[i] < 0 ? -1 : fcntl(given[i], F_DUPFD_CLOEXEC, GUIDE_END);
    if (given[i] >= 0 && copies[i] < 0)
      return rkt_fail(err, errno, "closing descriptors");
  }
  for (int i = 0; i < GUIDE_END - GUIDE_PIPE; i++)
    if (copies[i] < 0 ? close(GUIDE_PIPE + i) < 0 && errno != EBADF : dup3(copies[i], GUIDE_PIPE + i, O_CLOEXEC) < 0)
      return rkt_fail(err, errno, "closing descriptors");
  return close_range(GUIDE_END, ~0u, 0) < 0 ? rkt_fail(err, errno, "closing descriptors") : 0;
}

static int go_in(const struct command *command, int process, bool in_unified, int reports, struct rkt_error *err) {
  int result = cgroup_join_opened(command->plan, command->groups, in_unified, err);
  int namespaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
  if (result == 0 && setns(process, namespaces) < 0)
    result = rkt_fail(err, errno, "joining the app's namespaces");
  return result < 0 ? result : enter_session_replace(&command->session, reports, err);
}

/*
 * The guide is a child of ours outside of the pod's PID namespace. It goes where the command shall be, lets go of what is ours, and
 * forks the command as another child of ours. So the pod, whatever its privileges, never sees a process that has our
 * descriptors: the caller's terminal, the cgroups.
 */
static _Noreturn void guide(const struct command *command, int process, bool in_unified, int reports, int pipe_end) {
  struct report report = {.kind = REPORT_FORKED};
  struct rkt_error err;
  struct spawned child = {0};
  int result = go_in(command, process, in_unified, reports, &err);
  if (result == 0)
    result = drop_descriptors((const int[]){pipe_end, reports, command->userns}, &err);
  if (result == 0) {
    reports = GUIDE_REPORTS;
    result = spawn(CLONE_PARENT, -1, &child);
    if (result < 0)
      rkt_fail(&err, -result, "starting the command");
    else if (child.pid == 0)
      run_command(command);
  }
  report.pid = child.pid;
  if (result < 0) {
    report.kind = REPORT_FAILED;
    snprintf(report.text, sizeof(report.text), "%s", err.message);
  }
  report_send(reports, &report);
  _exit(0);
}

/* What the guide says: at most one terminal, then the command's process or why there is none. */
static int follow_guide(struct enter_session *session, int reports, pid_t *ret_pid, struct rkt_error *err) {
  for (;;) {
    struct report report;
    int files[REPORT_FILES_MAX];
    struct pollfd wait = {.fd = reports, .events = POLLIN};
    (void)poll(&wait, 1, -1);
    int received = report_receive(reports, &report, files);
    if (received < 0)
      return rkt_fail(err, 0, "the process that starts the command was killed");
    if (received == 0)
      continue;
    if (report.kind == REPORT_FAILED)
      return rkt_fail(err, 0, "%s", report.text);
    *ret_pid = report.pid;
    if (report.kind == REPORT_FORKED)
      return 0;
    int result = enter_session_take_master(session, files[0], err);
    if (result < 0)
      return result;
  }
}

/*
 * A fork into a group of the unified hierarchy is spared the move, which waits for a grace period of the kernel (10 ms and more on
 * Linux 6.18). Not where the monitor may have written cgroup.kill, as between two runs of an app: the kernel would kill it at once.
 */
static int open_group(const struct command *command) {
  return command->app.restart == PLAN_RESTART_NEVER ? cgroup_open_unified(command->plan, command->app.name) : -1;
}

static int start_command(struct command *command, int process, int pipe_end, pid_t *ret_pid, struct rkt_error *err) {
  int sockets[2];
  struct spawned child;
  int result = report_open(sockets);
  if (result < 0)
    return rkt_fail(err, -result, "making a socket pair");
  cleanup_close int own_end = sockets[0];
  cleanup_close int group = open_group(command);
  result = spawn(0, group, &child);
  if (result == 0 && child.pid == 0)
    guide(command, process, child.in_cgroup, sockets[1], pipe_end);
  close(sockets[1]);
  if (result < 0)
    return rkt_fail(err, -result, "starting the command");
  result = follow_guide(&command->session, own_end, ret_pid, err);
  while (waitpid(child.pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  return result;
}

/* What needs the host's file systems. */
static int prepare(struct command *command, struct rkt_error *err) {
  enum enter_terminal wanted = command->arguments->terminal      ? ENTER_TERMINAL_ALWAYS
                               : command->arguments->no_terminal ? ENTER_TERMINAL_NEVER
                                                                 : ENTER_TERMINAL_AUTO;
  int result = enter_session_open(wanted, &command->session, err);
  if (result == 0)
    result = userns_open(command->plan, &command->userns, err);
  if (result < 0)
    return result;
  command->groups = calloc(command->plan->cgroups.count + 1, sizeof(int));
  if (command->groups == NULL)
    return rkt_fail(err, ENOMEM, "joining the app's cgroups");
  return cgroup_open(command->plan, command->app.name, command->groups, err);
}

static int enter(struct command *command, int process, int *ret_code, struct rkt_error *err) {
  int ends[2];
  int result = prepare(command, err);
  if (result == 0 && pipe2(ends, O_CLOEXEC) < 0)
    result = rkt_fail(err, errno, "making a pipe");
  if (result < 0)
    return result;
  /* The write end stays open for as long as we live; the guide and the command close it before anything else. */
  cleanup_close int read_end = ends[0];
  pid_t pid = 0;
  result = start_command(command, process, read_end, &pid, err);
  if (result == 0)
    *ret_code = enter_session_wait(&command->session, pid);
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
  struct command command = {.plan = &plan, .app = *app, .arguments = arguments};
  if (result == 0)
    result = merge_environment(&command.app, arguments->env, err);
  take_identity(&command.app, arguments);
  if (arguments->cwd != NULL)
    command.app.cwd = (char *)arguments->cwd;
  return result < 0 ? result : enter(&command, process, ret_code, err);
}

int main(int argc, char **argv) {
  struct arguments arguments = {0};
  struct rkt_error err;
  int code = EXIT_OWN_FAILURE;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signals_take_over();
  /* The command is executed in the app, where "#!/proc/self/exe" is this program. */
  int result = executable_protect(argv, "rkt-enter", &err);
  if (result == 0)
    result = arguments_parse(argc, argv, options, &arguments, &err);
  if (result == 0)
    result = run(&arguments, &code, &err);
  if (result == 0)
    return code;
  message_print("entering app \"%s\": %s", arguments.app != NULL ? arguments.app : "", err.message);
  return EXIT_OWN_FAILURE;
}
