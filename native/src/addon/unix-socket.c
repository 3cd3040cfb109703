#include "unix-socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "common/cleanup.h"

static int set_timeouts(int fd, uint32_t timeout_ms, struct rkt_error *err) {
  struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = (timeout_ms % 1000) * 1000};
  if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0)
    return rkt_fail(err, errno, "setting the time-out of a socket");
  return 0;
}

int rkt_connect_unix(const char *path, uint32_t timeout_ms, int *ret_fd, const char **ret_syscall,
                     struct rkt_error *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  *ret_syscall = "connect";
  if (strlen(path) >= sizeof(address.sun_path))
    return rkt_fail(err, ENAMETOOLONG, "connecting to %s", path);
  strcpy(address.sun_path, path);

  *ret_syscall = "socket";
  cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return rkt_fail(err, errno, "opening a unix socket");
  *ret_syscall = "setsockopt";
  int result = set_timeouts(fd, timeout_ms, err);
  if (result < 0)
    return result;

  *ret_syscall = "connect";
  do {
    result = connect(fd, (struct sockaddr *)&address, sizeof(address));
  } while (result < 0 && errno == EINTR);
  if (result < 0)
    return rkt_fail(err, errno == EAGAIN ? ETIMEDOUT : errno, "connecting to %s", path);
  *ret_fd = rkt_steal_fd(&fd);
  return 0;
}

int rkt_send_datagram(const char *path, const uint8_t *data, size_t length, uint32_t timeout_ms,
                      const char **ret_syscall, struct rkt_error *err) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t path_length = strlen(path);
  *ret_syscall = "sendto";
  if (path_length >= sizeof(address.sun_path))
    return rkt_fail(err, ENAMETOOLONG, "sending a datagram to %s", path);
  memcpy(address.sun_path, path, path_length);
  /* An abstract name is as long as the address says; no terminator belongs to it. */
  socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_length);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  else
    size++;

  *ret_syscall = "socket";
  cleanup_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return rkt_fail(err, errno, "opening a unix socket");
  *ret_syscall = "setsockopt";
  int result = set_timeouts(fd, timeout_ms, err);
  if (result < 0)
    return result;

  *ret_syscall = "sendto";
  ssize_t sent;
  do {
    sent = sendto(fd, data, length, MSG_NOSIGNAL, (struct sockaddr *)&address, size);
  } while (sent < 0 && errno == EINTR);
  return sent < 0 ? rkt_fail(err, errno == EAGAIN ? ETIMEDOUT : errno, "sending a datagram to %s", path) : 0;
}

int rkt_peer_credentials(int fd, pid_t *ret_pid, uid_t *ret_uid, gid_t *ret_gid, struct rkt_error *err) {
  struct ucred peer;
  socklen_t length = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
    return rkt_fail(err, errno, "asking who is at the other end of descriptor %d", fd);
  *ret_pid = peer.pid;
  *ret_uid = peer.uid;
  *ret_gid = peer.gid;
  return 0;
}
