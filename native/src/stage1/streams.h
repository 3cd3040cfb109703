/*
 * The descriptors that apps get: ends of pipes as their standard streams, and sockets that they are activated by. They are made or
 * taken over by the monitor (output.h, activation.h), or opened by the pod's init (listen.h), kept by the init until it has started the
 * apps, and by the monitor for apps that it may start again.
 */
#pragma once

#include <stddef.h>

#include "stage1/plan.h"

/* Of one app. */
struct stream_ends {
  int fds[3];           /* by descriptor number; -1 where the app gets the caller's own stream, or /dev/null */
  int *sockets;         /* in the order in which the app gets them; -1 until the pod's init has opened it (listen.h) */
  size_t socket_count;
};

/* The lowest number that an end may have: below are the standard streams and what init keeps for itself. */
#define STREAMS_FIRST_FD 6

/* Closes every descriptor from STREAMS_FIRST_FD on but for those of the `count` apps. Negative errno on failure. */
int streams_keep_only(const struct stream_ends *ends, size_t count);

/* Closes those of one app, which has none then; only the sockets among them. */
void streams_close(struct stream_ends *ends);
void streams_close_sockets(struct stream_ends *ends);

/* In the app's process and root filesystem: puts its ends, or /dev/null, on descriptors 0 to 2. */
int streams_put(const struct stream_ends *ends, const struct plan_app *app, struct rkt_error *err);
