/*
 * The user namespace of a pod's apps, which rkt has made and pinned before (docs/user-namespaces.md). Only the apps live in it:
 * their surroundings are built from outside, with the ids of the host that are the apps' own, and each process of an app joins
 * it when nothing of the host is left in reach. With no USERNS in the plan all of this does nothing.
 */
#pragma once

#include "stage1/plan.h"

/* Opens it, while the host's file systems are there; *ret_fd is -1 where the pod has none. */
int userns_open(const struct plan *plan, int *ret_fd, struct rkt_error *err);

/*
 * A copy of the mount at `path`, read-only unless `writable`, in which the ids of the files are those of the apps: what the image says
 * is owned by 0 is owned by the pod's root. It is attached on the directory `place`, over what was there. -1 for `userns`: an error.
 */
int userns_clone_mapped(int userns, const char *path, bool writable, int place, int *ret_mount, struct rkt_error *err);

/* The same with the ids of a mount that is attached nowhere yet; `path` is what errors call it. Nothing happens with -1 for `userns`. */
int userns_shift_mount(int mount, int userns, const char *path, struct rkt_error *err);

/* From here on the caller makes files that are the pod's root's; with NULL its own again. It stays as privileged as it was. */
int userns_own_files(const struct plan_userns *userns, struct rkt_error *err);

/* Gives the pod's root what the kernel makes in the name of the host's: terminals and message queues below /dev of `root`. */
int userns_own_devices(const struct plan_userns *userns, int root, struct rkt_error *err);

/*
 * Gives the app its standard streams where those are pipes or terminals of the pod's, so that it can open /dev/stdout. Files of the host
 * stay the host's. The caller has moved into the app's root filesystem and has not joined yet.
 */
int userns_own_streams(const struct plan_userns *userns, const struct plan_app *app, struct rkt_error *err);

/* Joins it, with every capability in it and none outside. */
int userns_join(int userns, struct rkt_error *err);
