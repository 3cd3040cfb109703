/*
 * File system work beneath a directory that somebody else filled: paths come from archives and are resolved by the kernel
 * so that they can neither leave the directory nor pass through a symbolic link (openat2(2), Linux 5.6).
 *
 * Paths are relative to `dirfd`. Every function follows the convention of common/error.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

struct rkt_fs_attributes {
  uid_t uid;
  gid_t gid;
  mode_t mode; /* permission bits with setuid, setgid and sticky; ignored for symbolic links */
  int64_t mtime_sec;
  int64_t mtime_nsec;
};

/* Opens something beneath `dirfd`; no component may be a symbolic link. Returns a descriptor. */
int rkt_fs_open_beneath(int dirfd, const char *path, int flags, struct rkt_error *err);

/*
 * Resolves `path` as a process would whose root is the directory `root`: absolute links and ".." stay inside
 * (RESOLVE_IN_ROOT). Returns an O_PATH descriptor.
 */
int rkt_fs_open_in_root(const char *root, const char *path, struct rkt_error *err);

/* Each creates exactly what it is named after, and fails with EEXIST where something is there already. */
int rkt_fs_make_directory(int dirfd, const char *path, mode_t mode, struct rkt_error *err);
int rkt_fs_make_symlink(int dirfd, const char *path, const char *target, struct rkt_error *err);
/* A character or block device or a FIFO; `mode` holds its type. */
int rkt_fs_make_node(int dirfd, const char *path, mode_t mode, uint32_t major, uint32_t minor, struct rkt_error *err);
/* `existing` is beneath `dirfd` as well; it may be a symbolic link, which is linked itself. */
int rkt_fs_make_hardlink(int dirfd, const char *path, const char *existing, struct rkt_error *err);
/* Removes a file, link, node or empty directory. */
int rkt_fs_remove_entry(int dirfd, const char *path, struct rkt_error *err);
/*
 * Copies what `source` (a path of the caller's, its last component not followed) names: a file with its holes and, where
 * the file system can, without its bytes being copied; a link; a node; a directory without its content, mode 0700. Owner,
 * mode and time are copied too, but for a directory's. A socket fails with EOPNOTSUPP.
 */
int rkt_fs_copy_entry(const char *source, int dirfd, const char *path, struct rkt_error *err);
/* Returns a descriptor for writing. */
int rkt_fs_create_file(int dirfd, const char *path, struct rkt_error *err);

/*
 * Owner, mode and time of last modification, in an order that loses nothing (chown clears setuid and capabilities).
 * With path NULL of what `dirfd` refers to. A symbolic link's own attributes are set.
 */
int rkt_fs_set_attributes(int dirfd, const char *path, const struct rkt_fs_attributes *attributes, struct rkt_error *err);

/* After rkt_fs_set_attributes, because chown drops security.capability. */
int rkt_fs_set_xattr(int dirfd, const char *path, const char *name, const void *value, size_t length,
                     struct rkt_error *err);

/* The names (each with its NUL) in *ret_names, malloc'ed, or the value of one attribute; of a link itself. */
int rkt_fs_list_xattrs(const char *path, char **ret_names, size_t *ret_length, struct rkt_error *err);
int rkt_fs_get_xattr(const char *path, const char *name, void **ret_value, size_t *ret_length, struct rkt_error *err);

/* 1 where the kernel has this type of file system (a module is loaded for it), 0 where not. */
int rkt_fs_supports(const char *type, struct rkt_error *err);

/*
 * Removes `path` and everything below it, however deep, without following links and without entering other file systems.
 * Something that is not there is a success.
 */
int rkt_fs_remove_tree(const char *path, struct rkt_error *err);
