/* Starts processes: in namespaces, in a cgroup, with a descriptor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct spawned {
  pid_t pid;       /* 0 in the child */
  bool in_cgroup;  /* it was started in the cgroup that was asked for */
};

/*
 * fork with CLONE_* `namespaces`, directly into the group `cgroup` of the unified hierarchy (-1: the caller's), which spares
 * the kernel a move. Where clone3(2) or that is not to be had, the caller moves the child itself. Negative errno on failure.
 * The caller has one thread.
 */
int spawn(uint64_t namespaces, int cgroup, struct spawned *ret_spawned);

/*
 * fork whose child is a child of the caller's parent. Its number, as the caller sees it, is in *ret_pid before it does anything;
 * in memory shared with the parent, that one knows its new child however soon it ends. 0 in the child, negative errno on failure.
 */
pid_t spawn_sibling(pid_t *ret_pid);
