/*
 * A standard stream of the monitor, written to without ever waiting for its reader.
 *
 * O_NONBLOCK is a property of the open file, which the monitor shares with whoever started it: setting it would make their shell's
 * reads and writes fail. So a pipe or terminal is opened once more, by /proc/self/fd, which gives a file of our own; for a
 * socket there is MSG_DONTWAIT; regular files and devices such as /dev/null do not wait. Where opening fails, at most
 * PIPE_BUF bytes are written at a time and only when poll(2) says that there is room for them.
 */
#pragma once

#include <stdbool.h>
#include <sys/uio.h>

struct sink {
  int fd;       /* as we were given it, or our own; -1: none, or its reader is gone */
  bool own;
  bool careful; /* no O_NONBLOCK */
  bool socket;
  bool pipe;
  bool opened;  /* the rest is known: with the first output */
  bool blocked; /* the last write found no room */
};

/* Writes as much as there is room for. 0: there is none, `blocked` is set. Negative errno: it takes no more and was closed. */
ssize_t sink_write(struct sink *sink, const struct iovec *data, int count);

/* Whether both lead to the same file, so that lines written to one stand between those written to the other. */
bool sink_same_file(int a, int b);

void sink_close(struct sink *sink);
