/* /proc, /sys and /dev as the App Container OS spec wants them ("Devices and File Systems"). */
#pragma once

#include <stdbool.h>

#include "common/error.h"

/*
 * Mounts the three on directories of the root filesystem at `root`, which are made where missing and must not be symbolic
 * links. `staging` is the staging directory in the caller's mount namespace. /dev/console is the terminal on standard input, or
 * null; with `empty_console` it is left for the caller to mount something on.
 */
int system_mounts(int root, int staging, bool empty_console, struct rkt_error *err);

/* Attaches an empty, read-only directory over the directory at `target`. */
int system_mount_empty(int staging, int target, struct rkt_error *err);
