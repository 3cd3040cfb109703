/* Unix sockets: unix(7). */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"

/*
 * Connects to the socket at `path`. Connecting, and every later send and receive, takes at most `timeout_ms` (0: waits for
 * ever). -ENAMETOOLONG where `path` does not fit a socket address, -ETIMEDOUT where the listener's queue stays full.
 */
int rkt_connect_unix(const char *path, uint32_t timeout_ms, int *ret_fd, const char **ret_syscall,
                     struct rkt_error *err);

/*
 * Sends one datagram to the datagram socket at `path`, or to the abstract name after a leading '@'. -ENAMETOOLONG where it does
 * not fit a socket address, -ETIMEDOUT where the receiver's queue stays full for `timeout_ms`.
 */
int rkt_send_datagram(const char *path, const uint8_t *data, size_t length, uint32_t timeout_ms,
                      const char **ret_syscall, struct rkt_error *err);

/* SO_PEERCRED: who connected, or listens, at the other end. */
int rkt_peer_credentials(int fd, pid_t *ret_pid, uid_t *ret_uid, gid_t *ret_gid, struct rkt_error *err);
