/* Becoming another program. */
#pragma once

#include "common/error.h"

/*
 * execve(2), with the standard streams, which node has made close-on-exec. Returns on failure only; both lists end with NULL. process.execve
 * does the same, but spends more than a millisecond on a warning that nobody sees (node 26).
 */
int rkt_execute(const char *file, char *const *args, char *const *environment, struct rkt_error *err);
