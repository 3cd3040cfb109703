/* PID 1 of a pod. */
#pragma once

#include "stage1/plan.h"

/*
 * Runs in the pod's new namespaces: finishes setting them up, starts the apps, reaps, passes signals on, and ends when the
 * last app has ended. Reports go to `socket`.
 */
_Noreturn void init_run(const struct plan *plan, int socket, bool in_unified);
