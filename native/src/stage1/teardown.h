/* What is undone once a pod has ended. */
#pragma once

#include "stage1/plan.h"

/*
 * Runs the plan's TEARDOWN steps in order. A step whose work is done already (nothing mounted, no such file) is no failure;
 * one that fails is told as a debug message and the next follows. Returns how many failed.
 */
size_t teardown_run(const struct plan *plan);
