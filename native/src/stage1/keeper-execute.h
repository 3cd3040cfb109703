/* Executing the programs of a stage1 image. */
#pragma once

#include "common/error.h"

struct keeper_program {
  const char *file; /* path of the host, in the image's tree in the store */
  char **argv;
  int directory_fd; /* -1, or the descriptor by which it is given the pod's directory, the working directory (RKT_LOCK_FD) */
};

/*
 * Executes a file of the image with the caller's environment, through a read-only mount of its own: what runs on the host can be
 * reached by way of /proc/PID/exe from a pod that is badly contained (CVE-2019-5736), and it is executed again to enter, stop and
 * collect that pod. It is the file as it lies in the store, never the copy that the pod can write to. No other descriptor
 * but 0 to 2 goes along. Returns on failure only.
 */
int keeper_execute(const struct keeper_program *program, struct rkt_error *err);
