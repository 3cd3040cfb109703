#include "socket-info.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

union address {
  struct sockaddr any;
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_storage space;
};

static void read_address(const union address *address, struct socket_info *info) {
  if (address->any.sa_family == AF_INET) {
    inet_ntop(AF_INET, &address->v4.sin_addr, info->address, sizeof(info->address));
    info->port = ntohs(address->v4.sin_port);
  } else if (address->any.sa_family == AF_INET6) {
    const struct in6_addr *v6 = &address->v6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(v6))
      inet_ntop(AF_INET, &v6->s6_addr[12], info->address, sizeof(info->address));
    else
      inet_ntop(AF_INET6, v6, info->address, sizeof(info->address));
    info->port = ntohs(address->v6.sin6_port);
  }
}

int rkt_socket_info(int fd, struct socket_info *ret_info, struct rkt_error *err) {
  struct socket_info info = {0};
  union address address = {0};
  int listening = 0;
  const struct {
    int option;
    int *value;
  } options[] = {
      {SO_DOMAIN, &info.family}, {SO_TYPE, &info.type}, {SO_PROTOCOL, &info.protocol}, {SO_ACCEPTCONN, &listening}};
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
    socklen_t size = sizeof(int);
    if (getsockopt(fd, SOL_SOCKET, options[i].option, options[i].value, &size) < 0)
      return rkt_fail(err, errno, "examining socket %d", fd);
  }
  socklen_t size = sizeof(address);
  if (getsockname(fd, &address.any, &size) < 0)
    return rkt_fail(err, errno, "examining the address of socket %d", fd);
  info.listening = listening != 0;
  read_address(&address, &info);
  *ret_info = info;
  return 0;
}
