/* The launcher: the process that init forks for an app, and that becomes the app. */
#pragma once

#include <stdatomic.h>
#include <sys/types.h>

#include "stage1/plan.h"

/*
 * Memory that a launcher shares with init until it executes the app. It is how a failure is told even when the app's
 * system call filter, already in force, allows nothing but execve.
 */
struct launch_state {
  atomic_int executing;     /* set-up is done, execve comes next */
  atomic_int failed;        /* `error` says why */
  struct rkt_error error;
  pid_t post_stop_pid;      /* the process that waits to run POST_STOP */
};

struct launch {
  const struct plan *plan;
  const struct plan_app *app;
  struct launch_state *state;
  int channel;     /* closed by execve or death; init waits for its end */
  int post_stop;   /* -1, or what the POST_STOP process reads: a byte means that the app has ended */
  bool in_unified; /* started in its group of the unified hierarchy */
};

/* In a mount namespace of its own, builds the app's surroundings and executes it. On failure the state says why, and the process exits with 254. */
_Noreturn void launch_app(const struct launch *launch);

/*
 * The last part, for a process in the app's mount namespace already: working directory, session, identity, execve.
 * Descriptors above 2 are closed on success. Returns only on failure.
 */
int launch_command(const struct plan_app *app, const struct plan_command *command, struct rkt_error *err);
