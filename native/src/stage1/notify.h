/*
 * Readiness by sd_notify(3): the app's end of it and ours, and the pod's word to whoever started rkt.
 *
 * Every app that says when it is ready has a datagram socket of its own in its own /dev. Another app of the pod could still
 * come by it through /proc, so a message counts only where its sender is in the app's mount namespace.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "common/error.h"

/* In the app's root filesystem; what NOTIFY_SOCKET says in the app's environment (docs/launch-plan.md). */
#define NOTIFY_PATH "/dev/rkt-notify"

/* Makes the socket in the root filesystem `root`, which has its /dev already. */
int notify_bind(int root, int *ret_socket, struct rkt_error *err);

/*
 * Takes messages that have come, a limited number at a time. True if one of them, sent by a process in the mount namespace
 * `mounts`, says READY=1. Everything else that it may say is ignored.
 */
bool notify_receive(int socket, const struct stat *mounts);

/* Closes the socket, without waiting for what nobody has read from it. */
void notify_close(int socket);

/*
 * Says `state` to the socket that NOTIFY_SOCKET names in our own environment; nothing where it names none. Does not wait: a
 * listener that does not read is its own problem.
 */
int notify_send(const char *state, struct rkt_error *err);
