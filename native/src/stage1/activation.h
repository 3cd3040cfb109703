/*
 * Sockets that an app is activated by, as sd_listen_fds(3) has them: from descriptor 3 on, with LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES. Only the app's own program gets them, at every start anew; handlers of events do not.
 */
#pragma once

#include "stage1/plan.h"
#include "stage1/streams.h"

/*
 * Makes the sockets of the plan those of `ends`, with numbers that streams.h allows. They are ours from then on. Those that are opened
 * in the pod's network are -1 (listen.h).
 */
int activation_take_over(const struct plan_app *app, struct stream_ends *ends, struct rkt_error *err);

/*
 * In the process that is about to execute the app, with the sockets on their descriptors: lets them pass execve, and returns the
 * environment that the program gets. Nothing but execve is needed afterwards.
 */
int activation_hand_over(const struct plan_app *app, struct plan_list *ret_env, struct rkt_error *err);
