#include "stage1/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/report.h"

static int set(int fd, int level, int option, int value) { return setsockopt(fd, level, option, &value, sizeof(value)); }

/* A TCP port whose last connections are in TIME_WAIT is free; with UDP the same option would let two have one port. */
static int bind_any(int fd, bool inet6, bool tcp, uint16_t port) {
  struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_any, .sin6_port = htons(port)};
  struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY), .sin_port = htons(port)};
  if ((tcp && set(fd, SOL_SOCKET, SO_REUSEADDR, 1) < 0) || (inet6 && set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) < 0))
    return -1;
  return inet6 ? bind(fd, (const struct sockaddr *)&any6, sizeof(any6))
               : bind(fd, (const struct sockaddr *)&any4, sizeof(any4));
}

/* Of both IPv6 and IPv4, or of IPv4 where the kernel has no other. -1 with errno on failure. */
static int open_socket(const struct plan_socket *wanted) {
  bool tcp = wanted->open == PLAN_SOCKET_OPEN_TCP;
  int type = (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC;
  bool inet6 = true;
  cleanup_close int fd = socket(AF_INET6, type, 0);
  if (fd < 0 && errno == EAFNOSUPPORT) {
    inet6 = false;
    fd = socket(AF_INET, type, 0);
  }
  /* As many may wait as net.core.somaxconn lets: the kernel lowers the number. */
  if (fd < 0 || bind_any(fd, inet6, tcp, (uint16_t)wanted->port) < 0 || (tcp && listen(fd, INT_MAX) < 0))
    return -1;
  return fcntl(fd, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD);
}

static int open_for(const struct plan_app *app, struct stream_ends *ends, uint32_t index, int socket,
                    struct rkt_error *err) {
  for (size_t i = 0; i < app->sockets.count; i++) {
    const struct plan_socket *wanted = &plan_sockets(app)[i];
    if (wanted->open == 0)
      continue;
    int fd = ends->sockets[i] = open_socket(wanted);
    if (fd < 0)
      return rkt_fail(err, errno, "opening %s port %u for port \"%s\" of app \"%s\"",
                      wanted->open == PLAN_SOCKET_OPEN_TCP ? "tcp" : "udp", wanted->port, wanted->name, app->name);
    if (app->restart != PLAN_RESTART_NEVER)
      report_send_files(socket, &(struct report){.kind = REPORT_SOCKET, .app = index, .value = (int32_t)i}, &fd, 1);
  }
  return 0;
}

int listen_open(const struct plan *plan, struct stream_ends *ends, int socket, struct rkt_error *err) {
  for (uint32_t a = 0; a < plan->apps.count; a++) {
    int result = open_for(&plan_apps(plan)[a], &ends[a], a, socket, err);
    if (result < 0)
      return result;
  }
  return 0;
}

void listen_take(struct stream_ends *ends, int place, int fd) {
  if (fd >= 0 && place >= 0 && (size_t)place < ends->socket_count && ends->sockets[place] < 0)
    ends->sockets[place] = fcntl(fd, F_DUPFD_CLOEXEC, STREAMS_FIRST_FD);
  if (fd >= 0)
    close(fd);
}
