/*
 * What a stage1 image finds in its pod's directory (docs/stage1.md): its root filesystem at `stage1/rootfs`, and in that the root
 * filesystems of the apps at `opt/stage2/<app>/rootfs` and the pod's `status` at `rkt/status`. All of it is mounted in a
 * mount namespace of the keeper's own, so it goes away with the last process that uses it, however that ends.
 */
#pragma once

#include "stage1/plan.h"

/* For `run`: everything. The working directory is the pod's, before and after. */
int keeper_mount_pod(const struct plan *plan, struct rkt_error *err);

/* For `gc`: stage1's root filesystem alone, as it was left, read-only. */
int keeper_mount_remains(const struct plan *plan, struct rkt_error *err);
