/*
 * Sockets that apps are activated by and that nobody has opened yet: the pod's init opens them in the pod's network namespace, when its
 * kernel parameters are set and before anything of an app is executed.
 */
#pragma once

#include "stage1/plan.h"
#include "stage1/streams.h"

/*
 * In the init: opens those of all apps into `ends`, one per app, and sends copies for apps that may be started again to the monitor at
 * the other end of `socket`. Failures name port, app and reason.
 */
int listen_open(const struct plan *plan, struct stream_ends *ends, int socket, struct rkt_error *err);

/* In the monitor: `fd`, which is ours from then on, is the app's socket number `place`. */
void listen_take(struct stream_ends *ends, int place, int fd);
