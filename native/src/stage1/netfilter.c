#include "stage1/netfilter.h"

#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"

static void report_answer(int fd) {
  union {
    struct nlmsghdr header;
    char space[4096];
  } answer;
  ssize_t length = recv(fd, &answer, sizeof(answer), MSG_DONTWAIT);
  if (length < (ssize_t)NLMSG_LENGTH(sizeof(int)) || answer.header.nlmsg_type != NLMSG_ERROR)
    return;
  int error;
  memcpy(&error, NLMSG_DATA(&answer.header), sizeof(error));
  if (error != 0)
    message_debug("netfilter: %s", strerrordesc_np(-error));
}

void netfilter_send(const struct plan_bytes *datagram) {
  if (datagram->length == 0)
    return;
  cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  /* A larger batch than the socket's buffer takes is refused otherwise. */
  int size = (int)datagram->length * 2;
  if (fd >= 0)
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
  if (fd < 0 || sendto(fd, datagram->data, datagram->length, 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0) {
    message_debug("netfilter: %s", strerrordesc_np(errno));
    return;
  }
  report_answer(fd);
}
