/*
 * Paths that somebody else had a hand in. Every function here yields an O_PATH descriptor of exactly the thing that was
 * resolved, so that nothing can be put in its place afterwards. Where openat2(2) is missing, components are opened one
 * by one without following links.
 */
#pragma once

#include <stdbool.h>

#include "common/error.h"

/* Opens a host path of which no component may be a symbolic link. */
int resolve_host(const char *path, int *ret_fd, struct rkt_error *err);

/*
 * Opens `path` inside the tree below the descriptor `root`, as if that were `/`: absolute links and `..` stay inside.
 * `follow` false: a symbolic link anywhere in the path is ELOOP. Returns a descriptor or a negative errno.
 */
int resolve_beneath(int root, const char *path, bool follow);

enum resolve_kind { RESOLVE_DIRECTORY, RESOLVE_FILE };

/*
 * Like resolve_beneath with links followed, and makes what is missing: directories (0755), and for RESOLVE_FILE an empty
 * file (0644) as the last component. `path` is absolute and without `.` and `..` components.
 */
int resolve_or_make(int root, const char *path, enum resolve_kind kind, int *ret_fd, struct rkt_error *err);

/* Makes the missing parents of `path` and opens the last of them; `ret_name` points at the last component in `path`. */
int resolve_parent(int root, const char *path, int *ret_fd, const char **ret_name, struct rkt_error *err);
