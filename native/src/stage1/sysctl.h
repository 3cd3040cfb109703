/* Kernel parameters of the pod's own namespaces. */
#pragma once

#include <stdbool.h>

#include "stage1/plan.h"

/*
 * Why `entry` (`key=value`) must not be written, or NULL. Only parameters that belong to a namespace which the pod has for
 * itself are allowed, so that the host's stay as they are.
 */
const char *sysctl_refusal(const char *entry, bool own_network, bool own_ipc);

/* Writes them all below /proc/sys, from inside the pod's namespaces. */
int sysctl_apply(const struct plan *plan, struct rkt_error *err);
