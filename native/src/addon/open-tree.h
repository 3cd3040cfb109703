/* Detached clones of mounts, by the file-descriptor mount API. */
#pragma once

#include "common/error.h"

/*
 * A detached, read-only clone of the mount that holds `path`, opened at `path` itself (symbolic links are followed).
 * *ret_fd is an O_PATH descriptor, close-on-exec, owned by the caller; the mount goes with its last user.
 * *ret_syscall names the call that failed. Needs Linux 5.12 (mount_setattr) and CAP_SYS_ADMIN.
 */
int rkt_open_tree_readonly(const char *path, int *ret_fd, const char **ret_syscall, struct rkt_error *err);
