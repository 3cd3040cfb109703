/* The pod's namespaces, from inside. */
#pragma once

#include "stage1/plan.h"

/*
 * Joins cgroups and the network namespace, sets hostname and kernel parameters, cuts mount propagation, and makes the
 * staging directory, which becomes the working directory. The caller's working directory is the pod's.
 */
int init_set_up(const struct plan *plan, bool in_unified, struct rkt_error *err);

/* Joins the network namespace of the plan, if it has one. */
int init_join_network(const struct plan *plan, struct rkt_error *err);

/*
 * Once the launchers are on their way: an empty read-only root, nothing of the host on descriptors 0 to 2, and of all
 * capabilities CAP_KILL only, for passing signals on to apps of other users. POST_STOP handlers lose nothing by it: each runs
 * in a process that the app's launcher has forked (launch.c), and init but tells it to go.
 */
int init_let_go(struct rkt_error *err);
