/* The root filesystem of an app, and how a process moves into it. */
#pragma once

#include "stage1/plan.h"

/*
 * Builds the root filesystem from the plan's layers, mounted nowhere yet. No device node on it can be opened (nodev).
 * Without an upper directory it is read-only, unless it is one directory that is to be used in place.
 */
int rootfs_make(const struct plan_app *app, int *ret_mount, struct rkt_error *err);

/* The same, attached on `root` below the staging directory `staging`. */
int rootfs_attach(const struct plan_app *app, int staging, int *ret_root, struct rkt_error *err);

/* Makes the attached mount at `root` the root of the caller's mount namespace, and lets go of everything else in it. */
int rootfs_pivot(int root, struct rkt_error *err);
