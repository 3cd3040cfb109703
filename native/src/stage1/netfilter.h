/* What is left to be said to the host's netfilter when a pod has ended. */
#pragma once

#include "stage1/plan.h"

/*
 * Sends a datagram of netlink messages as it is. The kernel carries it out before this returns; what it refuses is only said in
 * debug messages, as whoever removed the pod's entries before has done what was to be done.
 */
void netfilter_send(const struct plan_bytes *datagram);
