/*
 * The pod's control groups, one tree per hierarchy: the pod's group, and below it one per app. On the unified hierarchy,
 * where inner groups hold no processes, the pod's init has the group `init.scope`, a name no app can have.
 */
#pragma once

#include "stage1/plan.h"

#define CGROUP_INIT "init.scope"

/* Makes the groups and applies the plan's settings. */
int cgroup_create(const struct plan *plan, struct rkt_error *err);

/* The group `name` (an app, or CGROUP_INIT) on the unified hierarchy, opened for CLONE_INTO_CGROUP; -1: there is none. */
int cgroup_open_unified(const struct plan *plan, const char *name);

/* Moves the caller, which must have a single thread, into the groups of `name`. `skip_unified`: it was started in that one. */
int cgroup_join(const struct plan *plan, const char *name, bool skip_unified, struct rkt_error *err);

/*
 * The same in two steps, for a process that cannot see the hierarchies any more when it joins: descriptors for the groups
 * of `name`, plan->cgroups.count of them, and the move by those.
 */
int cgroup_open(const struct plan *plan, const char *name, int *ret_fds, struct rkt_error *err);
int cgroup_join_opened(const struct plan *plan, const int *fds, bool skip_unified, struct rkt_error *err);

/*
 * Fills in the `cgroups` of a plan that is otherwise empty, for a pod whose plan cannot be read: its group in every hierarchy that is
 * mounted, by the name in the file `subcgroup` of the directory `dir`. That name must be
 * `[.../]machine-rkt\x2d<uuid>.scope`, so that a damaged file never names somebody else's group. -ENOENT where there is no
 * file, as in a pod that was never launched; -EINVAL for any other name. The caller frees by plan_free.
 */
int cgroup_find(int dir, const char *uuid, struct plan *ret_plan, struct rkt_error *err);

/* Kills every process left in the groups and waits until they have ended, for at most `timeout_ms`. */
int cgroup_kill(const struct plan *plan, int timeout_ms, struct rkt_error *err);

/* The same with the groups of one app, `name`. */
int cgroup_kill_group(const struct plan *plan, const char *name, int timeout_ms, struct rkt_error *err);

/* Removes the groups, those below them first. Missing ones are fine. */
int cgroup_remove(const struct plan *plan, struct rkt_error *err);
