/* PID 1 of a pod. */
#pragma once

#include "stage1/plan.h"

/*
 * Runs in the pod's new namespaces: finishes setting them up, starts the apps, reaps, passes signals on, and ends when the
 * last app has ended. Reports go to `socket`, and come from there. Closes `gate`, at whose end apps may be executed.
 */
_Noreturn void init_run(const struct plan *plan, int socket, int gate, bool in_unified);
