/* The terminal of an app that is being launched. */
#pragma once

#include "stage1/plan.h"

/*
 * Opens a terminal in the app's devpts, below the root filesystem at `root`, in which nothing of the app has run yet. It becomes
 * /dev/console and the streams that the plan says; the master is sent to `reports`, as that of the app with this index in the plan.
 * Nothing where the app has no terminal.
 */
int app_terminal_open(const struct plan_app *app, uint32_t index, int root, int reports, struct rkt_error *err);

/* For an app that is started again: the same terminal, of which `master` is the other end, becomes its streams. */
int app_terminal_reopen(const struct plan_app *app, int master, struct rkt_error *err);

/* Makes it the app's controlling terminal; the caller is about to become the app. */
int app_terminal_control(const struct plan_app *app, struct rkt_error *err);
