/*
 * The ends of pipes that apps get as their standard streams. They are made by the monitor (output.h), kept by the pod's init
 * until it has started the apps, and by the monitor for apps that it may start again.
 */
#pragma once

#include <stddef.h>

#include "stage1/plan.h"

/* Of one app, by descriptor number; -1 where the app gets the caller's own stream, or /dev/null. */
struct stream_ends {
  int fds[3];
};

/* The lowest number that an end may have: below are the standard streams and what init keeps for itself. */
#define STREAMS_FIRST_FD 6

/* Closes every descriptor from STREAMS_FIRST_FD on but for those of the `count` apps. Negative errno on failure. */
int streams_keep_only(const struct stream_ends *ends, size_t count);

/* Closes those of one app, which become -1. */
void streams_close(struct stream_ends *ends);

/* In the app's process and root filesystem: puts its ends, or /dev/null, on descriptors 0 to 2. */
int streams_put(const struct stream_ends *ends, const struct plan_app *app, struct rkt_error *err);
