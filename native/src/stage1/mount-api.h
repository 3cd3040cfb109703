/* The descriptor-based mount API (Linux 5.2 and 5.12) with errors that say what was being mounted. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct mount_option {
  const char *key;
  const char *value; /* NULL: a flag */
};

/*
 * A new file system of `type`, mounted nowhere yet, with MOUNT_ATTR_* `attributes`. `options` may be NULL.
 * The kernel's own explanation is part of the error where it gives one.
 */
int mount_create(const char *type, const struct mount_option *options, size_t count, uint64_t attributes, int *ret_fd,
                 struct rkt_error *err);

/* fsconfig_create and fsmount for a context the caller has configured. */
int mount_finish(int context, const char *type, uint64_t attributes, int *ret_fd, struct rkt_error *err);

/* A private copy of the mount (with `flags` AT_RECURSIVE: of the tree) at `path` below `dir`, mounted nowhere yet. */
int mount_clone(int dir, const char *path, unsigned flags, uint64_t attributes, int *ret_fd, struct rkt_error *err);

/* Attaches a mount onto `path` below `dir`; an empty path means `dir` itself. No link is followed. */
int mount_attach(int mount, int dir, const char *path, struct rkt_error *err);

/* Sets MOUNT_ATTR_* on the mount at `fd`. */
int mount_set(int fd, unsigned flags, uint64_t attributes, struct rkt_error *err);
