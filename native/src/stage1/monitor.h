/* The pod's monitor: it starts the pod's init, outlives it, and leaves nothing behind. */
#pragma once

#include "stage1/plan.h"

/*
 * Runs the pod of a plan from its directory, the caller's working directory, and returns its exit code (see exit-code.h).
 * The plan's descriptors are open, signals_take_over was called, and the caller has one thread.
 */
int monitor_run(const struct plan *plan);
