/* The keeper of a pod whose stage1 is an image: it holds what the pod has of the host, and lets go of it at the end. */
#pragma once

#include "stage1/keeper-execute.h"
#include "stage1/plan.h"

/* The keeper's own process id, in the pod's directory: where `enter` and `stop` find its mounts. */
#define KEEPER_FILE "keeper"

/*
 * Runs stage1's `run` in the pod's cgroup and network, with the mounts of the plan, passes signals on, waits for its end, and undoes
 * what the plan says. Returns the exit code of the pod (exit-code.h). The working directory is the pod's, its lock is plan->lock_fd.
 */
int keeper_run(const struct plan *plan, const struct keeper_program *program);
