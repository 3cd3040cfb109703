/* Operations on files that node's fs lacks. Errors: see common/error.h. */
#pragma once

#include <stdbool.h>

#include "common/error.h"

enum rkt_lock_operation { RKT_LOCK_SHARED, RKT_LOCK_EXCLUSIVE, RKT_UNLOCK };

/*
 * flock(2). With `nonblocking`, *ret_held is false where somebody else's lock is in the way; otherwise the call waits.
 * *ret_held is true when the operation was done, unlocking included.
 */
int rkt_lock(int fd, enum rkt_lock_operation operation, bool nonblocking, bool *ret_held, struct rkt_error *err);

/* Sets or clears FD_CLOEXEC. */
int rkt_set_cloexec(int fd, bool on, struct rkt_error *err);

/* syncfs(2): everything written to the file system of `fd` is on disk afterwards. */
int rkt_syncfs(int fd, struct rkt_error *err);

/*
 * Tells the file system that the directories in `path` have nothing to do with each other (chattr(1), T). *ret_done is false on file
 * systems that do not want to know.
 */
int rkt_spread_directories(const char *path, bool *ret_done, struct rkt_error *err);

/* renameat2(2) with RENAME_NOREPLACE: -EEXIST where `to` exists, atomically. */
int rkt_rename_noreplace(const char *from, const char *to, struct rkt_error *err);
