#include "stage1/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/activation.h"
#include "stage1/app-terminal.h"
#include "stage1/cgroup.h"
#include "stage1/execute.h"
#include "stage1/exit-code.h"
#include "stage1/files.h"
#include "stage1/identity.h"
#include "stage1/mount-api.h"
#include "stage1/notify.h"
#include "stage1/protect.h"
#include "stage1/report.h"
#include "stage1/rootfs.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"
#include "stage1/system-mounts.h"
#include "stage1/userns.h"
#include "stage1/volumes.h"

static int set_oom_score(const struct plan_app *app, struct rkt_error *err) {
  if (app->oom_score_adj == PLAN_NO_OOM_SCORE_ADJ)
    return 0;
  char text[16];
  int length = snprintf(text, sizeof(text), "%d", (int32_t)app->oom_score_adj);
  cleanup_close int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || write(fd, text, (size_t)length) < 0)
    return rkt_fail(err, errno, "setting the OOM score to %s", text);
  return 0;
}

static int build_root(const struct launch *launch, int staging, const int *sources, int *ret_notify,
                      struct rkt_error *err) {
  const struct plan_app *app = launch->app;
  const struct plan_userns *userns = launch->plan->userns;
  cleanup_close int root = -1;
  int result = rootfs_attach(app, launch->userns, staging, &root, err);
  if (result == 0 && userns != NULL)
    result = userns_own_files(userns, err);
  /* Before the volumes: a file that the app lacks is not made in a directory of the host. */
  if (result == 0)
    result = files_make(app, root, err);
  if (result == 0)
    result = system_mounts(root, staging, plan_terminal_streams(app) != 0, err);
  if (result == 0)
    result = userns_own_devices(userns, root, err);
  /* Before the volumes likewise: /dev is the app's own. */
  if (result == 0)
    result = app_terminal_open(app, launch->index, root, launch->socket, err);
  if (result == 0 && app->notify != 0)
    result = notify_bind(root, ret_notify, err);
  if (result == 0)
    result = volumes_attach(app, sources, launch->userns, root, err);
  if (result == 0)
    result = protect_paths(app, root, staging, err);
  if (result == 0 && app->readonly != 0)
    result = mount_set(root, 0, MOUNT_ATTR_RDONLY, err);
  return result < 0 ? result : rootfs_pivot(root, err);
}

/* Everything that needs the host's file systems. */
static int enter_root(struct launch *launch, int *ret_notify, struct rkt_error *err) {
  const struct plan_app *app = launch->app;
  cleanup_close int staging = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (staging < 0)
    return rkt_fail(err, errno, "opening the staging directory");
  cleanup_free int *sources = calloc(app->mounts.count + 1, sizeof(int));
  if (sources == NULL)
    return rkt_fail(err, ENOMEM, "mounting volumes");
  /* The caller closes every descriptor once the root is built. */
  int result = volumes_open(app, sources, err);
  if (result == 0)
    result = userns_open(launch->plan, &launch->userns, err);
  return result < 0 ? result : build_root(launch, staging, sources, ret_notify, err);
}

/*
 * The working directory must be what it seems: below /proc there are names that lead to any open descriptor, and a
 * directory outside the root shows as unreachable (CVE-2024-21626).
 */
static int enter_directory(const char *path, struct rkt_error *err) {
  char name[PATH_MAX];
  struct statfs filesystem;
  if (chdir(path) < 0)
    return rkt_fail(err, errno, "entering the working directory %s", path);
  if (statfs(".", &filesystem) < 0 || getcwd(name, sizeof(name)) == NULL || name[0] != '/')
    return rkt_fail(err, 0, "entering the working directory %s: it is outside the root filesystem", path);
  if (filesystem.f_type == PROC_SUPER_MAGIC)
    return rkt_fail(err, 0, "entering the working directory %s: it lies in /proc", path);
  return 0;
}

int launch_assume(const struct plan_app *app, struct rkt_error *err) {
  if (close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) < 0)
    return rkt_fail(err, errno, "marking descriptors to be closed");
  int result = enter_directory(app->cwd, err);
  if (result < 0)
    return result;
  umask(app->umask);
  /* Fails where the caller leads a session already, which is as well. */
  (void)setsid();
  signals_release();
  return identity_assume(app, err);
}

int launch_command(const struct plan_app *app, const struct plan_command *command, struct rkt_error *err) {
  int result = launch_assume(app, err);
  if (result == 0)
    result = identity_filter(app, err);
  return result < 0 ? result : execute(app, command, err);
}

static _Noreturn void give_up(struct launch_state *state) {
  atomic_store(&state->failed, 1);
  _exit(EXIT_OWN_FAILURE);
  /* A system call filter may refuse even that. */
  __builtin_trap();
}

static _Noreturn void become(const struct launch *launch, const struct plan_command *command) {
  launch_command(launch->app, command, &launch->state->error);
  give_up(launch->state);
}

static int check_pre_start(const struct launch *launch, int status, struct rkt_error *err) {
  const char *name = plan_strings(&launch->app->pre_start->args)[0];
  if (atomic_load(&launch->state->failed)) {
    struct rkt_error cause = launch->state->error;
    return rkt_fail(err, 0, "running the pre-start handler: %.900s", cause.message);
  }
  if (WIFSIGNALED(status))
    return rkt_fail(err, 0, "the pre-start handler \"%s\" was killed by signal %d", name, WTERMSIG(status));
  if (WEXITSTATUS(status) != 0)
    return rkt_fail(err, 0, "the pre-start handler \"%s\" exited with code %d", name, WEXITSTATUS(status));
  return 0;
}

static int run_pre_start(const struct launch *launch, struct rkt_error *err) {
  if (launch->app->pre_start == NULL)
    return 0;
  struct spawned child;
  int result = spawn(0, -1, &child);
  if (result < 0)
    return rkt_fail(err, -result, "running the pre-start handler");
  if (child.pid == 0)
    become(launch, launch->app->pre_start);
  int status;
  while (waitpid(child.pid, &status, 0) < 0)
    if (errno != EINTR)
      return rkt_fail(err, errno, "waiting for the pre-start handler");
  return check_pre_start(launch, status, err);
}

/*
 * Nothing of the host stays open, but for the app's sockets, which become 3 and so on, and behind them the descriptors that are needed
 * until execve. Those that are -1 are none.
 */
static int drop_descriptors(struct launch *launch, struct rkt_error *err) {
  enum { FIRST = 3, OWN = 2 };
  int *own[OWN] = {&launch->channel, &launch->gate.wait};
  int sockets = (int)launch->streams.socket_count;
  int count = sockets + OWN;
  cleanup_free int *copies = malloc((size_t)count * sizeof(int));
  if (copies == NULL)
    return rkt_fail(err, ENOMEM, "moving descriptors");
  for (int i = 0; i < count; i++) {
    int given = i < sockets ? launch->streams.sockets[i] : *own[i - sockets];
    copies[i] = given < 0 ? -1 : fcntl(given, F_DUPFD_CLOEXEC, FIRST + count);
    if (given >= 0 && copies[i] < 0)
      return rkt_fail(err, errno, "moving a descriptor");
  }
  for (int i = 0; i < count; i++)
    if (copies[i] < 0 ? close(FIRST + i) < 0 && errno != EBADF : dup3(copies[i], FIRST + i, O_CLOEXEC) < 0)
      return rkt_fail(err, errno, "moving a descriptor");
  for (int i = sockets; i < count; i++)
    *own[i - sockets] = copies[i] < 0 ? -1 : FIRST + i;
  return close_range((unsigned)(FIRST + count), ~0u, 0) < 0 ? rkt_fail(err, errno, "closing descriptors") : 0;
}

/* Builds the root and moves there; what the monitor needs of it is sent to the monitor. */
static int move_in(struct launch *launch, struct rkt_error *err) {
  cleanup_close int notify = -1;
  if (!launch_hands_over(launch->app))
    return enter_root(launch, &notify, err);
  cleanup_close int mounts = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
  if (mounts < 0)
    return rkt_fail(err, errno, "opening the app's mount namespace");
  int result = enter_root(launch, &notify, err);
  if (result < 0)
    return result;
  const int files[] = {mounts, notify};
  report_send_files(launch->socket, &(struct report){.kind = REPORT_FILES, .app = launch->index}, files,
                    notify < 0 ? 1 : 2);
  return 0;
}

static void wait_at_gate(struct launch *launch) {
  char byte;
  while (read(launch->gate.wait, &byte, 1) < 0 && errno == EINTR)
    continue;
  close(launch->gate.wait);
  launch->gate.wait = -1;
}

/* In the app's surroundings, what is left to do before a program of the app's is executed. */
static int settle_in(struct launch *launch, struct rkt_error *err) {
  int result = streams_put(&launch->streams, launch->app, err);
  if (result == 0)
    result = userns_own_streams(launch->plan->userns, launch->app, err);
  if (result == 0)
    result = userns_join(launch->userns, err);
  return result < 0 ? result : drop_descriptors(launch, err);
}

static int prepare(struct launch *launch, struct rkt_error *err) {
  int result = cgroup_join(launch->plan, launch->app->name, launch->in_unified, err);
  if (result == 0)
    result = set_oom_score(launch->app, err);
  if (result == 0)
    result = move_in(launch, err);
  /* Lets go of the gate with everything else: whatever is executed finds no launcher that still has the host. */
  if (result == 0)
    result = settle_in(launch, err);
  if (result < 0)
    return result;
  wait_at_gate(launch);
  return run_pre_start(launch, err);
}

/* The end of what has a controlling terminal is a hangup, so that nothing but the app itself gets it. */
static _Noreturn void become_app(const struct launch *launch) {
  if (app_terminal_control(launch->app, &launch->state->error) < 0)
    give_up(launch->state);
  atomic_store(&launch->state->executing, 1);
  struct plan_app app = *launch->app;
  struct rkt_error *err = &launch->state->error;
  int result = launch_assume(&app, err);
  /* Before the filter, which may forbid what this takes. */
  if (result == 0)
    result = activation_hand_over(launch->app, &app.env, err);
  if (result == 0)
    result = identity_filter(&app, err);
  if (result == 0)
    execute(&app, &app.command, err);
  give_up(launch->state);
}

_Noreturn void launch_app(const struct launch *given) {
  struct launch launch = *given;
  launch.userns = -1;
  struct rkt_error err;
  signals_release();
  umask(022);
  if (prepare(&launch, &err) < 0) {
    launch.state->error = err;
    give_up(launch.state);
  }
  become_app(&launch);
}

/* What needs the host's file systems comes before the app's mount namespace. */
static int move_in_again(struct launch *launch, const struct launch_place *place, struct rkt_error *err) {
  int result = cgroup_join(launch->plan, launch->app->name, launch->in_unified, err);
  if (result == 0)
    result = set_oom_score(launch->app, err);
  if (result < 0)
    return result;
  /* Of the PID namespace only the children of this process are part. */
  if (setns(place->init, CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET) < 0)
    return rkt_fail(err, errno, "joining the pod's namespaces");
  result = userns_open(launch->plan, &launch->userns, err);
  if (result < 0)
    return result;
  if (setns(place->mounts, CLONE_NEWNS) < 0)
    return rkt_fail(err, errno, "joining the app's mount namespace");
  return launch->terminal < 0 ? 0 : app_terminal_reopen(launch->app, launch->terminal, err);
}

/* What the monitor wanted to tell this process when it had none to tell. */
static void take_stop(const struct launch *launch) {
  int number = atomic_load(&launch->state->stop);
  if (number == 0)
    return;
  kill(getpid(), number);
  _exit(128 + number);
}

static _Noreturn void run_again(struct launch *launch, const struct plan_command *command) {
  struct rkt_error err;
  wait_at_gate(launch);
  take_stop(launch);
  if (command == &launch->app->command) {
    if (run_pre_start(launch, &err) < 0) {
      launch->state->error = err;
      give_up(launch->state);
    }
    become_app(launch);
  }
  atomic_store(&launch->state->executing, 1);
  become(launch, command);
}

_Noreturn void launch_again(const struct launch *given, const struct launch_place *place,
                            const struct plan_command *command) {
  struct launch launch = *given;
  launch.userns = -1;
  struct rkt_error err;
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  signals_release();
  umask(022);
  int result = move_in_again(&launch, place, &err);
  if (result == 0)
    result = settle_in(&launch, &err);
  if (result == 0) {
    pid_t pid = spawn_sibling((pid_t *)&launch.state->pid);
    if (pid == 0)
      run_again(&launch, command);
    if (pid > 0)
      _exit(0);
    result = rkt_fail(&err, -pid, "starting a process in the pod");
  }
  launch.state->error = err;
  give_up(launch.state);
}
