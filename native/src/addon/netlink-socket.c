#include "netlink-socket.h"

#include <errno.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/cleanup.h"
#include "netns.h"

/* Not in the headers of older distributions. */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12
#endif

/* A dump that never ends is a kernel gone wrong; a host with 100,000 links answers with about 150 MiB. */
#define ANSWER_MAX ((size_t)512 * 1024 * 1024)

int rkt_netlink_open(int protocol, const char *netns, int *ret_fd, const char **ret_syscall, struct rkt_error *err) {
  cleanup_close int fd = -1;
  if (netns != NULL) {
    int result = rkt_netns_socket(netns, AF_NETLINK, SOCK_RAW, protocol, &fd, ret_syscall, err);
    if (result < 0)
      return result;
  } else {
    *ret_syscall = "socket";
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
    if (fd < 0)
      return rkt_fail(err, errno, "opening a netlink socket of protocol %d", protocol);
  }

  /* Each is a convenience that older kernels lack; requests work without them. */
  static const int options[] = {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK};
  for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
    int on = 1;
    if (setsockopt(fd, SOL_NETLINK, options[i], &on, sizeof(on)) < 0 && errno != ENOPROTOOPT) {
      *ret_syscall = "setsockopt";
      return rkt_fail(err, errno, "setting option %d of a netlink socket", options[i]);
    }
  }

  *ret_syscall = "bind";
  struct sockaddr_nl any = {.nl_family = AF_NETLINK};
  if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
    return rkt_fail(err, errno, "binding a netlink socket of protocol %d", protocol);
  *ret_fd = rkt_steal_fd(&fd);
  return 0;
}

struct answer {
  uint8_t *data;
  size_t length;
  size_t size;
  uint32_t ended;
  bool failed;
};

/* Makes room for `more` bytes. */
static int grow(struct answer *answer, size_t more, struct rkt_error *err) {
  if (more > ANSWER_MAX - answer->length)
    return rkt_fail(err, EMSGSIZE, "receiving a netlink answer of more than %zu bytes", ANSWER_MAX);
  size_t needed = answer->length + more;
  if (needed <= answer->size)
    return 0;
  size_t size = answer->size == 0 ? 4096 : answer->size;
  while (size < needed)
    size *= 2;
  uint8_t *data = realloc(answer->data, size);
  if (data == NULL)
    return rkt_fail(err, ENOMEM, "receiving a netlink answer of %zu bytes", needed);
  answer->data = data;
  answer->size = size;
  return 0;
}

/* Counts the messages of a datagram that end a request. The kernel aligns messages to 4 bytes. */
static int count_ends(struct answer *answer, size_t from, struct rkt_error *err) {
  size_t offset = from;
  while (answer->length - offset >= sizeof(struct nlmsghdr)) {
    struct nlmsghdr header;
    memcpy(&header, answer->data + offset, sizeof(header));
    size_t left = answer->length - offset;
    if (header.nlmsg_len < sizeof(header) || header.nlmsg_len > left)
      return rkt_fail(err, EBADMSG, "receiving a netlink message of %u bytes", header.nlmsg_len);
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
      int32_t error = 0;
      if (header.nlmsg_len >= sizeof(header) + sizeof(error))
        memcpy(&error, answer->data + offset + sizeof(header), sizeof(error));
      answer->ended++;
      answer->failed = answer->failed || error < 0;
    }
    size_t step = NLMSG_ALIGN((size_t)header.nlmsg_len);
    offset += step < left ? step : left;
  }
  return 0;
}

/* Receives one datagram: 1, or 0 where none is there, or a negative errno. */
static int receive_one(int fd, struct answer *answer, struct rkt_error *err) {
  /* The length first: a buffer that is too small loses the rest of the datagram. */
  ssize_t length;
  do {
    length = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
    return 0;
  if (length < 0)
    return rkt_fail(err, errno, "receiving a netlink answer");
  int result = grow(answer, (size_t)length, err);
  if (result < 0)
    return result;

  struct sockaddr_nl sender = {.nl_family = AF_NETLINK};
  struct iovec buffer = {.iov_base = answer->data + answer->length, .iov_len = (size_t)length};
  struct msghdr message = {.msg_name = &sender, .msg_namelen = sizeof(sender), .msg_iov = &buffer, .msg_iovlen = 1};
  do {
    length = recvmsg(fd, &message, MSG_DONTWAIT);
  } while (length < 0 && errno == EINTR);
  if (length < 0)
    return rkt_fail(err, errno, "receiving a netlink answer");
  if ((message.msg_flags & MSG_TRUNC) != 0)
    return rkt_fail(err, EMSGSIZE, "receiving a netlink answer that was cut short");
  /* Any process may send to a netlink socket whose port it guesses; only the kernel has port 0. */
  if (message.msg_namelen != sizeof(sender) || sender.nl_pid != 0)
    return 1;
  size_t from = answer->length;
  answer->length += (size_t)length;
  result = count_ends(answer, from, err);
  return result < 0 ? result : 1;
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits until something can be received. */
static int wait_readable(int fd, int64_t deadline, struct rkt_error *err) {
  for (;;) {
    int64_t left = deadline - now_ms();
    if (left <= 0)
      return rkt_fail(err, ETIMEDOUT, "waiting for a netlink answer");
    struct pollfd item = {.fd = fd, .events = POLLIN};
    int ready = poll(&item, 1, left > INT32_MAX ? INT32_MAX : (int)left);
    if (ready > 0)
      return 0;
    if (ready < 0 && errno != EINTR)
      return rkt_fail(err, errno, "waiting for a netlink answer");
  }
}

static int receive_all(int fd, uint32_t acks, uint32_t timeout_ms, struct answer *answer, const char **ret_syscall,
                       struct rkt_error *err) {
  int64_t deadline = now_ms() + timeout_ms;
  /* After an error everything that is there is taken: nothing of it may be left for the next request on this socket. */
  while (answer->ended < acks || answer->failed) {
    *ret_syscall = "recvmsg";
    int result = receive_one(fd, answer, err);
    if (result < 0)
      return result;
    if (result > 0)
      continue;
    /* The kernel answers before sendto returns, so where nothing follows an error, nothing will. */
    if (answer->failed)
      return 0;
    *ret_syscall = "poll";
    result = wait_readable(fd, deadline, err);
    if (result < 0)
      return result;
  }
  return 0;
}

int rkt_netlink_transact(int fd, const uint8_t *datagram, size_t length, uint32_t acks, uint32_t timeout_ms,
                         uint8_t **ret_answer, size_t *ret_length, const char **ret_syscall, struct rkt_error *err) {
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  ssize_t sent;
  *ret_syscall = "sendto";
  do {
    sent = sendto(fd, datagram, length, 0, (struct sockaddr *)&kernel, sizeof(kernel));
  } while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return rkt_fail(err, errno, "sending a netlink request of %zu bytes", length);

  struct answer answer = {.data = NULL};
  int result = receive_all(fd, acks, timeout_ms, &answer, ret_syscall, err);
  if (result < 0) {
    free(answer.data);
    return result;
  }
  *ret_answer = answer.data;
  *ret_length = answer.length;
  return 0;
}
