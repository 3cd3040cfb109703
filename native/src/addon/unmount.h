/* Unmounting. */
#pragma once

#include <stdbool.h>

#include "common/error.h"

/*
 * umount2(2) with MNT_DETACH, the last component not followed if it is a symbolic link. *ret_unmounted is false where
 * nothing was mounted on `path` or `path` is gone.
 */
int rkt_unmount(const char *path, bool *ret_unmounted, struct rkt_error *err);
