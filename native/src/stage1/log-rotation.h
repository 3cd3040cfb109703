/* The files of an app's log: opening the current one, and putting it aside. */
#pragma once

#include <stdint.h>

#include "common/error.h"

/* Opens `logs/<app>.log` below the pod's directory `dir` to append to it; made where missing, with its directory. */
int log_rotation_open(int dir, const char *app, int *ret_fd, uint64_t *ret_size, struct rkt_error *err);

/*
 * Makes `.log` to `.log.1`, that to `.log.2`, and so on; `files` of them are kept, none where it is 0. Numbers are shifted up to the
 * first that is free, so this takes as many renames as there are files.
 */
int log_rotation_shift(int dir, const char *app, uint32_t files, struct rkt_error *err);
