#include "stage1/report.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union credentials_control {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(struct ucred))];
};

union files_control {
  struct cmsghdr header;
  char space[CMSG_SPACE(REPORT_FILES_MAX * sizeof(int))];
};

union received_control {
  struct cmsghdr header;
  char space[CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(REPORT_FILES_MAX * sizeof(int))];
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
static void add_credentials(struct msghdr *message, union credentials_control *control, pid_t pid) {
  struct ucred credentials = {.pid = pid, .uid = geteuid(), .gid = getegid()};
  memset(control, 0, sizeof(*control));
  control->header.cmsg_level = SOL_SOCKET;
  control->header.cmsg_type = SCM_CREDENTIALS;
  control->header.cmsg_len = CMSG_LEN(sizeof(credentials));
  memcpy(CMSG_DATA(&control->header), &credentials, sizeof(credentials));
  message->msg_control = control;
  message->msg_controllen = sizeof(*control);
}

static struct iovec content_of(const struct report *report) {
  return (struct iovec){.iov_base = (void *)report, .iov_len = offsetof(struct report, text) + strlen(report->text) + 1};
}

/* A monitor that is gone takes the init with it (PR_SET_PDEATHSIG); nobody is left to be told. The other way round likewise. */
static void send_message(int socket, const struct msghdr *message, int flags) {
  while (sendmsg(socket, message, MSG_NOSIGNAL | flags) < 0 && errno == EINTR)
    continue;
}

void report_send(int socket, const struct report *report) {
  struct iovec data = content_of(report);
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  union credentials_control control;
  if (report->pid > 0)
    add_credentials(&message, &control, report->pid);
  send_message(socket, &message, 0);
}

static void send_files(int socket, const struct report *report, const int *files, size_t count, int flags) {
  struct iovec data = content_of(report);
  union files_control control = {0};
  control.header.cmsg_level = SOL_SOCKET;
  control.header.cmsg_type = SCM_RIGHTS;
  control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
  memcpy(CMSG_DATA(&control.header), files, count * sizeof(int));
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(count * sizeof(int))};
  send_message(socket, &message, flags);
}

void report_send_files(int socket, const struct report *report, const int *files, size_t count) {
  send_files(socket, report, files, count, 0);
}

void report_offer(int socket, const struct report *report, const int *files, size_t count) {
  if (count > 0) {
    send_files(socket, report, files, count, MSG_DONTWAIT);
    return;
  }
  struct iovec data = content_of(report);
  send_message(socket, &(struct msghdr){.msg_iov = &data, .msg_iovlen = 1}, MSG_DONTWAIT);
}

static void take_control(struct msghdr *message, struct report *report, int files[REPORT_FILES_MAX]) {
  for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL; header = CMSG_NXTHDR(message, header)) {
    if (header->cmsg_level != SOL_SOCKET)
      continue;
    if (header->cmsg_type == SCM_CREDENTIALS) {
      struct ucred credentials;
      memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
      report->pid = credentials.pid;
    } else if (header->cmsg_type == SCM_RIGHTS) {
      size_t length = header->cmsg_len - CMSG_LEN(0);
      memcpy(files, CMSG_DATA(header), length > REPORT_FILES_MAX * sizeof(int) ? REPORT_FILES_MAX * sizeof(int) : length);
    }
  }
}

int report_receive(int socket, struct report *ret_report, int ret_files[REPORT_FILES_MAX]) {
  struct report report = {0};
  struct iovec data = {.iov_base = &report, .iov_len = sizeof(report)};
  union received_control control;
  struct msghdr message = {
      .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
  ssize_t length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (length < 0 && (errno == EAGAIN || errno == EINTR))
    return 0;
  if (length < (ssize_t)offsetof(struct report, text))
    return -1;
  report.text[sizeof(report.text) - 1] = '\0';
  report.pid = 0;
  for (size_t i = 0; i < REPORT_FILES_MAX; i++)
    ret_files[i] = -1;
  take_control(&message, &report, ret_files);
  *ret_report = report;
  return 1;
}
