/* Executes the `enter` of a stage1 image between the caller's terminal and a terminal or pipes of its own. */
#pragma once

#include "stage1/enter-session.h"
#include "stage1/keeper-execute.h"

/*
 * In the mounts of the pod. Where no stream has to be replaced the program is executed in the caller's place, and this
 * returns only on failure; otherwise as its child, whose exit code is in *ret_code.
 */
int keeper_enter(const struct keeper_program *program, enum enter_terminal wanted, int *ret_code, struct rkt_error *err);
