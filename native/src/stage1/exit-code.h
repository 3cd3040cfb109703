/* Exit codes of pods and of stage1 itself. */
#pragma once

#include <sys/wait.h>

/* A failure of rkt, as opposed to one of the app. */
#define EXIT_OWN_FAILURE 254

/* What a shell would say of a wait status: the exit code, or 128 and the signal. */
static inline int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
