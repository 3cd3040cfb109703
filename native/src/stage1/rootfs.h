/* The root filesystem of an app, and how a process moves into it. */
#pragma once

#include "stage1/plan.h"

/* How the ids of the layers are shifted. */
struct rootfs_ids {
  int userns; /* by the mapping of this user namespace */
  int place;  /* a directory over which they are mounted on the way */
};

/*
 * Builds the root filesystem from the plan's layers, mounted nowhere yet. No device node on it can be opened (nodev).
 * Without an upper directory it is read-only, unless it is one directory that is to be used in place. `ids` may be NULL: the ids in the
 * layers are those of the host.
 */
int rootfs_make(const struct plan_app *app, const struct rootfs_ids *ids, int *ret_mount, struct rkt_error *err);

/* The same, with the ids of `userns` (-1: the host's), attached on `root` below the staging directory `staging`. */
int rootfs_attach(const struct plan_app *app, int userns, int staging, int *ret_root, struct rkt_error *err);

/* Makes the attached mount at `root` the root of the caller's mount namespace, and lets go of everything else in it. */
int rootfs_pivot(int root, struct rkt_error *err);
