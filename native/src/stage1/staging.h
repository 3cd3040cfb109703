/*
 * A small tmpfs that exists only while a pod is being built, attached in the mount namespace of the pod's init, from where
 * every launcher gets its copy. It goes away with the old root. Device nodes are made in it: it is the only file system
 * of a pod that allows them, and no app ever sees more of it than single nodes.
 *
 *   root/    where an app's root filesystem is attached
 *   empty/   an empty directory, cloned over what is masked
 *   shm/     the pod's /dev/shm, shared by its apps as the IPC namespace is
 *   null …   device nodes
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "common/error.h"

struct staging_node {
  const char *name;
  unsigned major;
  unsigned minor;
};

/* The nodes of the App Container OS spec ("Devices and File Systems"), console apart. */
extern const struct staging_node staging_nodes[];
extern const size_t staging_node_count;

/*
 * Attaches the staging tmpfs on the directory `mountpoint` and makes it the working directory, by which processes
 * forked with CLONE_NEWNS find their own copy.
 */
int staging_create(int mountpoint, struct rkt_error *err);
