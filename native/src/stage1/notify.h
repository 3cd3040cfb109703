/*
 * Readiness by sd_notify(3): the app's end of it and ours, and the pod's word to whoever started rkt.
 *
 * Every app that says when it is ready has a datagram socket of its own in its own /dev. Another app of the pod could still
 * come by it through /proc, so a message counts only where its sender is one of the app's processes.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/error.h"

/* In the app's root filesystem; what NOTIFY_SOCKET says in the app's environment (docs/launch-plan.md). */
#define NOTIFY_PATH "/dev/rkt-notify"

/* Makes the socket in the root filesystem `root`, which has its /dev already. */
int notify_bind(int root, int *ret_socket, struct rkt_error *err);

/* Where the processes of an app are. */
struct notify_place {
  struct stat mounts; /* their mount namespace */
  uint64_t cgroup;    /* the number of their group of the unified hierarchy, 0 where there is none */
};

/*
 * Takes messages that have come, a limited number at a time. True if one of them says READY=1 and was sent by a process in the
 * app's mount namespace, or in its cgroup: that the kernel still knows of a process that has ended, since Linux 6.16. Everything
 * else that it may say is ignored.
 */
bool notify_receive(int socket, const struct notify_place *place);

/* Closes the socket, without waiting for what nobody has read from it. */
void notify_close(int socket);

/*
 * Says `state` to the socket that NOTIFY_SOCKET names in our own environment; nothing where it names none. Does not wait: a
 * listener that does not read is its own problem.
 */
int notify_send(const char *state, struct rkt_error *err);
