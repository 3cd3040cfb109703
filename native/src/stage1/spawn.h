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
