#include "stage1/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_again(int fd) {
  char path[32];
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static void prepare(struct sink *sink) {
  struct stat status;
  sink->opened = true;
  if (fstat(sink->fd, &status) < 0)
    return;
  sink->socket = S_ISSOCK(status.st_mode);
  sink->pipe = S_ISFIFO(status.st_mode);
  if (!sink->pipe && !(S_ISCHR(status.st_mode) && isatty(sink->fd)))
    return;
  int fd = open_again(sink->fd);
  /* Of a pipe without a reader (ENXIO) the first write finds out. */
  sink->careful = fd < 0;
  if (fd >= 0) {
    sink->fd = fd;
    sink->own = true;
  }
}

static ssize_t write_careful(const struct sink *sink, const struct iovec *data) {
  struct pollfd wait = {.fd = sink->fd, .events = POLLOUT};
  if (poll(&wait, 1, 0) == 0)
    return -EAGAIN;
  ssize_t written = write(sink->fd, data->iov_base, data->iov_len < PIPE_BUF ? data->iov_len : PIPE_BUF);
  return written < 0 ? -errno : written;
}

static ssize_t write_once(const struct sink *sink, const struct iovec *data, int count) {
  if (sink->careful)
    return write_careful(sink, data);
  const struct msghdr message = {.msg_iov = (struct iovec *)data, .msg_iovlen = (size_t)count};
  ssize_t written =
      sink->socket ? sendmsg(sink->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) : writev(sink->fd, data, count);
  return written < 0 ? -errno : written;
}

ssize_t sink_write(struct sink *sink, const struct iovec *data, int count) {
  if (!sink->opened)
    prepare(sink);
  ssize_t written;
  do
    written = write_once(sink, data, count);
  while (written == -EINTR);
  sink->blocked = written == -EAGAIN;
  if (written >= 0 || sink->blocked)
    return sink->blocked ? 0 : written;
  sink_close(sink);
  return written;
}

bool sink_same_file(int a, int b) {
  struct stat of_a;
  struct stat of_b;
  return fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev && of_a.st_ino == of_b.st_ino;
}

void sink_close(struct sink *sink) {
  /* What we were given is also the place for messages, or stays open until we end. */
  if (sink->own)
    close(sink->fd);
  sink->own = false;
  sink->fd = -1;
}
