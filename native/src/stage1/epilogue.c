#include "stage1/epilogue.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage1/exit-code.h"
#include "stage1/message.h"
#include "stage1/signals.h"
#include "stage1/spawn.h"

static _Noreturn void execute_program(char **arguments) {
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  signals_release();
  /* The pod's directory, where we are, is about to go. Readiness was ours to tell. */
  if (null >= 0 && chdir("/") == 0 && dup2(null, STDIN_FILENO) == STDIN_FILENO && dup2(null, STDOUT_FILENO) == STDOUT_FILENO &&
      close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0 && unsetenv("NOTIFY_SOCKET") == 0 && unsetenv("RKT_LOCK_FD") == 0)
    execv(arguments[0], arguments);
  struct rkt_error err;
  rkt_fail(&err, errno, "executing %s", arguments[0]);
  message_print("after the end of the pod: %s", err.message);
  _exit(EXIT_OWN_FAILURE);
}

void epilogue_run(const struct plan *plan) {
  if (plan->epilogue == NULL)
    return;
  close((int)plan->lock_fd);
  struct spawned child;
  int result = spawn(0, -1, &child);
  if (result < 0) {
    struct rkt_error err;
    rkt_fail(&err, -result, "starting %s", plan_strings(&plan->epilogue->args)[0]);
    message_print("after the end of the pod: %s", err.message);
    return;
  }
  if (child.pid == 0)
    execute_program(plan_strings(&plan->epilogue->args));
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR)
    continue;
  if (exit_code_of(status) != 0)
    message_debug("after the end of the pod: %s ended with %d", plan_strings(&plan->epilogue->args)[0],
                  exit_code_of(status));
}
