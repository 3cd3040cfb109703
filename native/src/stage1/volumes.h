/* Host directories and files in an app's root filesystem. */
#pragma once

#include "stage1/plan.h"

/*
 * Opens the sources of the app's mounts, in order, into `ret_sources` (room for app->mounts.count; the caller closes
 * them). No component of a source may be a symbolic link (App Container spec, ace.md, "Volume Setup").
 * `ret_sources` is complete or its unopened members are -1.
 */
int volumes_open(const struct plan_app *app, int *ret_sources, struct rkt_error *err);

/* Attaches them in the root filesystem at `root`; targets are made where missing. `userns` is that of userns_open. */
int volumes_attach(const struct plan_app *app, const int *sources, int userns, int root, struct rkt_error *err);
