/* PID 1 of a pod. */
#pragma once

#include "stage1/gate.h"
#include "stage1/plan.h"
#include "stage1/streams.h"

/*
 * Runs in the pod's new namespaces: finishes setting them up, starts the apps, reaps, passes signals on, and ends when the
 * last app has ended. Reports go to `socket`, and come from there. Lets go of `gate` as soon as it is harmless, and of `streams`,
 * which the apps get.
 */
_Noreturn void init_run(const struct plan *plan, struct stream_ends *streams, int socket, const struct gate *gate,
                        bool in_unified);
