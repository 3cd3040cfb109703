/* The launcher: the process that init forks for an app, and that becomes the app. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "stage1/gate.h"
#include "stage1/plan.h"
#include "stage1/streams.h"

/*
 * Memory that a launcher shares with init until it executes the app. It is how a failure is told even when the app's
 * system call filter, already in force, allows nothing but execve.
 */
struct launch_state {
  atomic_int executing;     /* set-up is done, execve comes next */
  atomic_int failed;        /* `error` says why */
  struct rkt_error error;
  _Atomic pid_t pid;        /* of launch_again: the process in the pod, as the monitor sees it; 0: there is none yet */
  atomic_int stop;          /* for launch_again: a signal that ends the process as soon as there is one */
};

struct launch {
  const struct plan *plan;
  const struct plan_app *app;
  uint32_t index;  /* of the app in the plan */
  int socket;      /* where the monitor gets a REPORT_FILES and a REPORT_TERMINAL, if there is something for it */
  struct gate gate; /* nothing is executed before it is open */
  struct launch_state *state;
  struct stream_ends streams; /* what it gets as standard streams */
  int channel;     /* closed by execve or death; init waits for its end */
  int terminal;    /* for launch_again: master of the app's terminal; -1: it has none */
  int userns;      /* the app's user namespace, from userns_open until it is joined */
  bool in_unified; /* started in its group of the unified hierarchy */
};

/* In a mount namespace of its own, builds the app's surroundings and executes it. On failure the state says why, and the process exits with 254. */
_Noreturn void launch_app(const struct launch *launch);

/*
 * Starts an app another time, or its POST_STOP, in what its first launcher has built. The caller is a child of the monitor outside of
 * the pod. It goes where the program shall be, lets go of everything that is the host's or the monitor's, and only then forks the
 * process that the pod sees, as another child of the monitor; it ends with 0 then, and with 254 when it came to nothing.
 * `socket` of the launch is not used; that process waits at the gate. Does not return either.
 */
struct launch_place {
  int init;   /* a pidfd of the pod's init, whose other namespaces the app shares */
  int mounts; /* the app's mount namespace */
};
_Noreturn void launch_again(const struct launch *launch, const struct launch_place *place,
                            const struct plan_command *command);

/* Whether something may follow a run of the app, for the monitor to launch: its POST_STOP, or another run. */
static inline bool launch_may_follow(const struct plan_app *app) {
  return app->restart != PLAN_RESTART_NEVER || app->post_stop != NULL;
}

/*
 * Whether a launcher hands something to the monitor before the app's program is executed: of an app that something may follow or
 * that says when it is ready, the app's mount namespace, and the socket of notify.h where it has one.
 */
static inline bool launch_hands_over(const struct plan_app *app) { return launch_may_follow(app) || app->notify != 0; }

/*
 * What comes before execve(2), for a process in the app's mount namespace already: working directory, session, identity, but for
 * the system call filter. Descriptors above 2 are marked to be closed by execve. Nothing may be executed for the app where this has
 * failed.
 */
int launch_assume(const struct plan_app *app, struct rkt_error *err);

/* The same, and execve. Returns only on failure. */
int launch_command(const struct plan_app *app, const struct plan_command *command, struct rkt_error *err);
