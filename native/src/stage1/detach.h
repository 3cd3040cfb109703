/* Pods in the background: `run` forks, the child is the monitor, and the parent waits until the pod is ready. */
#pragma once

#include "stage1/plan.h"

/*
 * With DETACHED, forks. Returns in the child, which leads a session of its own, has /dev/null as its standard streams, and
 * gets a READY_FD of ours in the plan; its messages still go to the caller's stderr, until detach_let_go. The parent gives up the
 * lock and the lease at once, and exits: with 0, having printed the pod's UUID, when the pod is ready, or with the pod's
 * code when it ended before. A signal that stops pods is passed on. Without DETACHED, returns and has done nothing.
 */
int detach(struct plan *plan, struct rkt_error *err);

/* Lets go of the caller's stderr, where it is still held. */
void detach_let_go(const struct plan *plan);
