/* When a pod whose stage1 is an image is ready: as soon as that has said which process is the pod's. */
#pragma once

#include <stdbool.h>

#include "stage1/plan.h"

/* A descriptor that is readable when something has changed in the pod's directory. */
int keeper_ready_open(int *ret_watch, struct rkt_error *err);

/*
 * Looks whether `run` has written `pid` or `ppid`. If it has, the file `ready` appears in the pod's directory, READY_FD gets its byte,
 * a service manager that waits for rkt is told, and there is nothing more to look for: true.
 */
bool keeper_ready_check(const struct plan *plan, int watch);
