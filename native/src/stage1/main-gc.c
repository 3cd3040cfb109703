/* The stage1 entrypoint `gc`: removes what a pod whose monitor was killed has left. May be run any number of times. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>

#include "stage1/arguments.h"
#include "stage1/cgroup.h"
#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/pod-open.h"
#include "stage1/signals.h"
#include "stage1/teardown.h"

#define KILL_TIMEOUT_MS 10000

static const char *const options[] = {"--debug=", "--local-config=", NULL};

static bool clean(const struct plan *plan) {
  struct rkt_error err;
  bool done = true;
  if (cgroup_kill(plan, KILL_TIMEOUT_MS, &err) < 0) {
    message_print("%s", err.message);
    done = false;
  }
  size_t failed = teardown_run(plan);
  if (failed > 0)
    message_print("%zu of %zu teardown steps failed; --debug says which", failed, plan->teardown.count);
  if (cgroup_remove(plan, &err) < 0) {
    message_print("%s", err.message);
    done = false;
  }
  return done && failed == 0;
}

/*
 * The pod's plan; where it cannot be read, one that holds the pod's groups and nothing else. 1: there is nothing to clean, as the
 * pod was never launched or not in this boot.
 */
static int get_plan(const char *uuid, struct plan *ret_plan, struct rkt_error *err) {
  struct rkt_error cause;
  if (pod_read_plan(uuid, ret_plan, &cause) == 0)
    return 0;
  int result = cgroup_find(AT_FDCWD, uuid, ret_plan, err);
  /* A file that says nothing was cut off by the end of a boot, and the groups ended with that as well. */
  if (result == -ENOENT || result == -EINVAL) {
    message_print("%s; cleaning without it", cause.message);
    return 1;
  }
  if (result == 0)
    message_print("%s; cleaning the cgroups that are named in subcgroup", cause.message);
  return result;
}

int main(int argc, char **argv) {
  struct arguments arguments;
  struct rkt_error err;
  int result = arguments_parse(argc, argv, options, &arguments, &err);
  if (result == 0 && arguments.uuid == NULL)
    result = rkt_fail(&err, 0, "the last argument must be the pod's UUID");
  if (result == 0)
    result = pod_fix_streams(&err);
  if (result < 0) {
    message_print("%s", err.message);
    return EXIT_OWN_FAILURE;
  }
  if (arguments.debug)
    message_enable_debug();

  struct plan plan;
  result = get_plan(arguments.uuid, &plan, &err);
  if (result < 0)
    message_print("%s", err.message);
  if (result != 0)
    return result < 0 ? EXIT_OWN_FAILURE : 0;
  bool done = clean(&plan);
  plan_free(&plan);
  return done ? 0 : EXIT_OWN_FAILURE;
}
