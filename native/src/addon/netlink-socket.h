/* Netlink sockets: netlink(7). What the messages mean is up to the caller. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/*
 * A bound netlink socket, close-on-exec, with extended acks, capped acks and strict checking of dump requests where the
 * kernel has them. `netns` is the path of the namespace to open it in, or NULL for the caller's.
 */
int rkt_netlink_open(int protocol, const char *netns, int *ret_fd, const char **ret_syscall, struct rkt_error *err);

/*
 * Sends `datagram` to the kernel as one datagram and collects what the kernel answers, until `acks` messages that end a
 * request (NLMSG_ERROR, NLMSG_DONE) have come. Where one of them carries an error the kernel may send fewer, as it does for an
 * nf_tables batch that it refuses as a whole, or more, as for one with several mistakes; then everything that has come is
 * returned.
 *
 * *ret_answer is malloc'ed. -ETIMEDOUT where the answers do not come within `timeout_ms`.
 */
int rkt_netlink_transact(int fd, const uint8_t *datagram, size_t length, uint32_t acks, uint32_t timeout_ms,
                         uint8_t **ret_answer, size_t *ret_length, const char **ret_syscall, struct rkt_error *err);
