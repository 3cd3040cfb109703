/* Finding and executing a program. */
#pragma once

#include "stage1/plan.h"

/*
 * Executes `command` with the environment of `app`. A name without `/` is looked up along the PATH of that environment; where
 * it has none, in the working directory and the system's default path (App Container spec, aci.md, `exec`; exec(3)).
 * Files that are not executable programs are an error, they are not given to a shell. Returns only on failure.
 */
int execute(const struct plan_app *app, const struct plan_command *command, struct rkt_error *err);
