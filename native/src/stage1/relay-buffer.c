#include "stage1/relay-buffer.h"

#include <errno.h>
#include <unistd.h>

static bool is_transient(int errnum) { return errnum == EAGAIN || errnum == EINTR; }

bool relay_buffer_is_empty(const struct relay_buffer *buffer) { return buffer->start == buffer->end; }

int relay_buffer_fill(struct relay_buffer *buffer, int fd) {
  ssize_t count = read(fd, buffer->data, sizeof(buffer->data));
  if (count <= 0)
    return count < 0 && is_transient(errno) ? 0 : -1;
  buffer->start = 0;
  buffer->end = (size_t)count;
  return 1;
}

bool relay_buffer_drain(struct relay_buffer *buffer, int fd) {
  ssize_t count = write(fd, buffer->data + buffer->start, buffer->end - buffer->start);
  if (count < 0)
    return is_transient(errno);
  buffer->start += (size_t)count;
  return true;
}
