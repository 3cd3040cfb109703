/* How the monitor brings the pod's init into the world. */
#pragma once

#include <sys/types.h>

#include "stage1/plan.h"

struct monitor_child {
  pid_t pid;
  int pidfd;
  int socket; /* its reports */
};

/*
 * Makes the cgroups and the directories for status files, starts the init in its namespaces, and writes `subcgroup` and `pid`
 * into the pod's directory `dir`. On failure no process is left.
 */
int monitor_start(const struct plan *plan, int dir, struct monitor_child *ret_child, struct rkt_error *err);
