/* How the monitor brings the pod's init into the world. */
#pragma once

#include <sys/types.h>

#include "stage1/plan.h"
#include "stage1/streams.h"

struct monitor_child {
  pid_t pid;
  int pidfd;
  int socket; /* its reports */
};

/*
 * Makes the cgroups and the directories for status files, starts the init in its namespaces, and writes `subcgroup` and `pid`
 * into the pod's directory `dir`. The init has copies of the apps' `streams`. On failure no process is left.
 */
int monitor_start(const struct plan *plan, int dir, struct stream_ends *streams, struct monitor_child *ret_child,
                  struct rkt_error *err);
