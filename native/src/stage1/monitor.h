/* The pod's monitor: it starts the pod's init, outlives it, and leaves nothing behind. */
#pragma once

#include "stage1/plan.h"

/*
 * Runs the pod of a plan from its directory, the caller's working directory, and returns its exit code (see exit-code.h).
 * The plan's descriptors are open, signals_take_over was called, and the caller has one thread.
 */
int monitor_run(const struct plan *plan);

/* Undoes what was made for the pod: closes its lease, runs the plan's teardown, removes its cgroups, and then the plan. */
void monitor_clean_up(const struct plan *plan);
