/* The apps as the pod's init knows them. */
#pragma once

#include "stage1/gate.h"
#include "stage1/launch.h"
#include "stage1/report.h"

struct init_app {
  uint32_t index;
  const struct plan_app *plan;
  pid_t pid;     /* 0: it has ended */
  int channel;   /* its end means: executed, or dead; -1 once that is known */
  bool started;
  bool with_monitor; /* it has ended here, and the monitor has not said yet that it is over */
  struct launch_state *state;
};

struct init_apps {
  struct init_app *items;
  size_t count;
};

/*
 * Forks a launcher for every app, with its ends of `streams`, which are closed, and reports their processes. Nothing is executed
 * in them before `gate` is open.
 */
int init_start_apps(const struct plan *plan, struct stream_ends *streams, int socket, const struct gate *gate,
                    struct init_apps *ret_apps, struct rkt_error *err);

void init_copy_text(struct report *report, const struct rkt_error *error);
