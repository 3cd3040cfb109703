/* The stage1 entrypoint `run`: executes the launch plan in the working directory. See docs/launch-plan.md. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/arguments.h"
#include "stage1/detach.h"
#include "stage1/epilogue.h"
#include "stage1/executable.h"
#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/monitor.h"
#include "stage1/pod-open.h"
#include "stage1/signals.h"

/* Everything but --debug was decided when the plan was written. */
static const char *const options[] = {
    "--debug=", "--net=", "--mds-token=", "--interactive=", "--local-config=", "--private-users=", "--mutable=",
    "--hostname=", "--dns-conf-mode=", "--ipc=", "--disable-capabilities-restriction=", "--disable-paths=",
    "--disable-seccomp=", NULL,
};

static bool same_directory(const struct stat *a, const struct stat *b) {
  return S_ISDIR(a->st_mode) && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int check_directory(const struct plan *plan, struct rkt_error *err) {
  struct stat here;
  struct stat planned;
  struct stat locked;
  if (stat(".", &here) < 0 || stat(plan->pod_dir, &planned) < 0)
    return rkt_fail(err, errno, "examining the pod's directory %s", plan->pod_dir);
  if (!same_directory(&here, &planned))
    return rkt_fail(err, 0, "the working directory is not the pod's directory %s", plan->pod_dir);
  if (fstat((int)plan->lock_fd, &locked) < 0 || !same_directory(&here, &locked))
    return rkt_fail(err, 0, "descriptor %u is not the lock of the pod's directory", plan->lock_fd);
  const char *passed = getenv("RKT_LOCK_FD");
  if (passed != NULL && strtoul(passed, NULL, 10) != plan->lock_fd)
    return rkt_fail(err, 0, "RKT_LOCK_FD is %s, but the plan's lock is descriptor %u", passed, plan->lock_fd);
  return 0;
}

/* Not a rule of the format: the plan has to be readable for its teardown to be known. */
static int check_hostname(const struct plan *plan, struct rkt_error *err) {
  size_t length = strlen(plan->hostname);
  if (length > HOST_NAME_MAX)
    return rkt_fail(err, 0, "the hostname is %zu bytes long, but can be at most %d", length, HOST_NAME_MAX);
  return 0;
}

static int check_lease(const struct plan *plan, struct rkt_error *err) {
  struct stat status;
  if (plan->lease_fd == PLAN_NO_FD)
    return 0;
  if (fstat((int)plan->lease_fd, &status) < 0 || !S_ISSOCK(status.st_mode))
    return rkt_fail(err, 0, "descriptor %u is not the connection of the pod's registration", plan->lease_fd);
  return 0;
}

static int check_ready(const struct plan *plan, struct rkt_error *err) {
  if (plan->ready_fd != PLAN_NO_FD && fcntl((int)plan->ready_fd, F_GETFD) < 0)
    return rkt_fail(err, 0, "descriptor %u, which is to say when the pod is ready, is not open", plan->ready_fd);
  return 0;
}

static int check_sockets(const struct plan *plan, struct rkt_error *err) {
  for (size_t a = 0; a < plan->apps.count; a++) {
    const struct plan_app *app = &plan_apps(plan)[a];
    for (size_t i = 0; i < app->sockets.count; i++) {
      struct stat status;
      uint32_t fd = plan_sockets(app)[i].fd;
      if (fd == PLAN_NO_FD)
        continue;
      if (fstat((int)fd, &status) < 0 || !S_ISSOCK(status.st_mode))
        return rkt_fail(err, 0, "descriptor %u, which app \"%s\" is to get, is not a socket", fd, app->name);
    }
  }
  return 0;
}

/* Closes everything that neither the monitor nor an app needs. */
static int keep_descriptors(const struct plan *plan, struct rkt_error *err) {
  size_t count = 3;
  for (size_t a = 0; a < plan->apps.count; a++)
    count += plan_apps(plan)[a].sockets.count;
  cleanup_free uint32_t *kept = calloc(count, sizeof(*kept));
  if (kept == NULL)
    return rkt_fail(err, ENOMEM, "keeping descriptors");
  kept[0] = plan->lock_fd;
  kept[1] = plan->lease_fd;
  kept[2] = plan->ready_fd;
  count = 3;
  for (size_t a = 0; a < plan->apps.count; a++)
    for (size_t i = 0; i < plan_apps(plan)[a].sockets.count; i++)
      kept[count++] = plan_sockets(&plan_apps(plan)[a])[i].fd;
  return pod_keep_descriptors(kept, count, err);
}

/* Everything that the plan says about the process it is executed by. */
static int take_over(const struct plan *plan, struct rkt_error *err) {
  int result = pod_check_streams(err);
  if (result == 0)
    result = check_hostname(plan, err);
  if (result == 0)
    result = check_directory(plan, err);
  if (result == 0)
    result = check_lease(plan, err);
  if (result == 0)
    result = check_ready(plan, err);
  if (result == 0)
    result = check_sockets(plan, err);
  return result < 0 ? result : keep_descriptors(plan, err);
}

/*
 * Whether this process has the lock of the directory that the plan was read from. Without it the pod may be another
 * monitor's, and what the plan would undo is in use.
 */
static bool owns_pod(const struct plan *plan) {
  struct stat here;
  struct stat locked;
  return stat(".", &here) == 0 && fstat((int)plan->lock_fd, &locked) == 0 && same_directory(&here, &locked) &&
         flock((int)plan->lock_fd, LOCK_EX | LOCK_NB) == 0;
}

static int prepare(int argc, char **argv, struct plan *ret_plan, struct rkt_error *err) {
  struct arguments arguments;
  int result = executable_protect(argv, "rkt-run", err);
  if (result == 0)
    result = arguments_parse(argc, argv, options, &arguments, err);
  if (result == 0 && arguments.uuid == NULL)
    result = rkt_fail(err, 0, "the last argument must be the pod's UUID");
  if (result == 0)
    result = pod_fill_streams(err);
  if (result == 0)
    result = pod_read_plan(arguments.uuid, ret_plan, err);
  if (result == 0 && (arguments.debug || plan_debug(ret_plan)))
    message_enable_debug();
  return result;
}

int main(int argc, char **argv) {
  struct plan plan;
  struct rkt_error err;
  if (prepare(argc, argv, &plan, &err) < 0) {
    message_print("%s", err.message);
    return EXIT_OWN_FAILURE;
  }
  if (take_over(&plan, &err) < 0) {
    message_print("%s", err.message);
    /* Whoever executed us has made the pod's network for this plan and is gone. */
    if (owns_pod(&plan)) {
      monitor_clean_up(&plan);
      epilogue_run(&plan);
    }
    return EXIT_OWN_FAILURE;
  }
  /* Inherited by init and launchers: no app may look into a process that is still ours (CVE-2019-5736). */
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  umask(022);
  signals_take_over();
  int code = EXIT_OWN_FAILURE;
  if (detach(&plan, &err) == 0) {
    code = monitor_run(&plan);
  } else {
    message_print("%s", err.message);
    monitor_clean_up(&plan);
  }
  epilogue_run(&plan);
  plan_free(&plan);
  return code;
}
