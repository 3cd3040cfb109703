/* The pod's namespaces, from inside. */
#pragma once

#include "stage1/plan.h"

/*
 * Joins cgroups and the network namespace, sets hostname and kernel parameters, cuts mount propagation, and makes the
 * staging directory, which becomes the working directory. The caller's working directory is the pod's.
 */
int init_set_up(const struct plan *plan, bool in_unified, struct rkt_error *err);

/* Once the launchers are on their way: an empty read-only root, and nothing of the host on descriptors 0 to 2. */
int init_let_go(struct rkt_error *err);
