/* Who a process of an app is, and what it may do. */
#pragma once

#include "stage1/plan.h"

/*
 * Takes on the app's limits, groups, user and capabilities, and its system call filter last. Nothing that follows but
 * execve(2) is sure to be allowed.
 */
int identity_assume(const struct plan_app *app, struct rkt_error *err);

/* Gives up every capability of the caller but those in `wanted` (bit N is capability N). */
int identity_keep_capabilities(uint64_t wanted, struct rkt_error *err);
