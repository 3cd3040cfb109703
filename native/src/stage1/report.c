#include "stage1/report.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(struct ucred))];
};

int report_open(int ret_sockets[2]) {
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
    return -errno;
  int on = 1;
  if (setsockopt(sockets[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0) {
    int errnum = errno;
    close(sockets[0]);
    close(sockets[1]);
    return -errnum;
  }
  memcpy(ret_sockets, sockets, sizeof(sockets));
  return 0;
}

/* unix(7): a privileged sender may name any process of its own; it must exist, and an unreaped child does. */
static void add_credentials(struct msghdr *message, union control *control, pid_t pid) {
  struct ucred credentials = {.pid = pid, .uid = geteuid(), .gid = getegid()};
  memset(control, 0, sizeof(*control));
  control->header.cmsg_level = SOL_SOCKET;
  control->header.cmsg_type = SCM_CREDENTIALS;
  control->header.cmsg_len = CMSG_LEN(sizeof(credentials));
  memcpy(CMSG_DATA(&control->header), &credentials, sizeof(credentials));
  message->msg_control = control;
  message->msg_controllen = sizeof(*control);
}

void report_send(int socket, const struct report *report) {
  size_t length = offsetof(struct report, text) + strlen(report->text) + 1;
  struct iovec data = {.iov_base = (void *)report, .iov_len = length};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  union control control;
  if (report->pid > 0)
    add_credentials(&message, &control, report->pid);
  /* A monitor that is gone takes the init with it (PR_SET_PDEATHSIG); nobody is left to be told. */
  while (sendmsg(socket, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
    continue;
}

int report_receive(int socket, struct report *ret_report) {
  struct report report = {0};
  struct iovec data = {.iov_base = &report, .iov_len = sizeof(report)};
  union control control;
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (length < (ssize_t)offsetof(struct report, text))
    return -1;
  report.text[sizeof(report.text) - 1] = '\0';
  report.pid = 0;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS) {
    struct ucred credentials;
    memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
    report.pid = credentials.pid;
  }
  *ret_report = report;
  return 1;
}
