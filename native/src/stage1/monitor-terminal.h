/* The terminals of apps, as the pod's monitor has them. */
#pragma once

#include "stage1/plan.h"
#include "stage1/relay.h"

/* The app's terminal that is relayed to the monitor's streams. */
struct monitor_terminal {
  struct terminal terminal;
  struct relay relay;
};

/*
 * Begins to relay the terminal of an app, of which `master` is the other end, to the standard streams that the app would have
 * had without it. Takes the descriptor, also on failure. An app that was started again has a new terminal: the earlier one ends.
 */
int monitor_terminal_begin(struct monitor_terminal **terminal, const struct plan_app *app, int master,
                           struct rkt_error *err);

/* What to wait for; nothing where `terminal` is NULL, as in all of these. */
void monitor_terminal_wait_for(const struct monitor_terminal *terminal, struct pollfd waits[RELAY_POLLS]);

/* Moves data. True when the user wants the pod to be killed. */
bool monitor_terminal_move(struct monitor_terminal *terminal, const struct pollfd waits[RELAY_POLLS]);

/* For a signal of the monitor: whether it was meant for the terminal only. */
bool monitor_terminal_takes(struct monitor_terminal *terminal, int signal);

/* When the apps have ended: shows what is left, and gives the caller's terminal back. */
void monitor_terminal_end(struct monitor_terminal *terminal, int signals);
