/* The stage1 entrypoint `gc`: removes what a pod whose monitor was killed has left. May be run any number of times. */
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

  /* A pod that was never launched has no plan; then nothing was made that only the plan knows of. */
  struct plan plan;
  if (pod_read_plan(arguments.uuid, &plan, &err) < 0) {
    message_print("%s; cleaning without it", err.message);
    return 0;
  }
  bool done = clean(&plan);
  plan_free(&plan);
  return done ? 0 : EXIT_OWN_FAILURE;
}
