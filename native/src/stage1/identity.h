/* Who a process of an app is, and what it may do. */
#pragma once

#include "stage1/plan.h"

/* Takes on the app's limits, groups, user and capabilities. A caller that dies with its parent goes on to do so. */
int identity_assume(const struct plan_app *app, struct rkt_error *err);

/* The app's system call filter, which comes last: nothing that follows but execve(2) is sure to be allowed. */
int identity_filter(const struct plan_app *app, struct rkt_error *err);

/* Gives up every capability of the caller but those in `wanted` (bit N is capability N). */
int identity_keep_capabilities(uint64_t wanted, struct rkt_error *err);
