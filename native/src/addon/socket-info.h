/* What a socket that somebody else has opened is. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "common/error.h"

struct socket_info {
  int family;
  int type;
  int protocol;
  bool listening;
  char address[64]; /* of IPv4 and IPv6, which a mapped IPv4 address is not; otherwise empty */
  uint16_t port;    /* likewise, or 0 */
};

/* ENOTSOCK for what is no socket. */
int rkt_socket_info(int fd, struct socket_info *ret_info, struct rkt_error *err);
