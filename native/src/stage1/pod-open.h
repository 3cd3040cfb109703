/* What all entrypoints do first: standard streams, the pod's directory, its plan, its lock. */
#pragma once

#include <sys/types.h>

#include "stage1/plan.h"

/* Puts /dev/null in the place of closed standard streams, so that no other file ends up there. */
int pod_fill_streams(struct rkt_error *err);

/* Refuses standard streams that an app must not be given. */
int pod_check_streams(struct rkt_error *err);

/* Both. */
int pod_fix_streams(struct rkt_error *err);

/* Closes every descriptor from 3 on but these, PLAN_NO_FD among them meaning none, and keeps them from whatever is executed. */
int pod_keep_descriptors(const uint32_t *kept, size_t count, struct rkt_error *err);

/* Whether somebody holds the lock of the pod's directory, the working directory: the pod is alive. */
int pod_is_locked(bool *ret_locked, struct rkt_error *err);

/* Reads the plan in the working directory and checks that it is the one of `uuid`. */
int pod_read_plan(const char *uuid, struct plan *ret_plan, struct rkt_error *err);

/*
 * Whether the process is PID 1 of a PID namespace one below ours, and which process is its parent. Read from /proc: check
 * afterwards that the process still lives, by a descriptor of it opened before.
 */
int pod_examine_init(pid_t pid, bool *ret_is_init, pid_t *ret_parent, struct rkt_error *err);
