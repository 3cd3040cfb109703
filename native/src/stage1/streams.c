#include "stage1/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/cleanup.h"

static int compare(const void *a, const void *b) { return *(const int *)a - *(const int *)b; }

int streams_keep_only(const struct stream_ends *ends, size_t count) {
  size_t most = 1;
  for (size_t i = 0; i < count; i++)
    most += 3 + ends[i].socket_count;
  cleanup_free int *kept = malloc(most * sizeof(int));
  if (kept == NULL)
    return -ENOMEM;
  size_t length = 0;
  for (size_t i = 0; i < count; i++) {
    for (int fd = 0; fd <= 2; fd++)
      if (ends[i].fds[fd] >= 0)
        kept[length++] = ends[i].fds[fd];
    for (size_t s = 0; s < ends[i].socket_count; s++)
      if (ends[i].sockets[s] >= 0)
        kept[length++] = ends[i].sockets[s];
  }
  qsort(kept, length, sizeof(int), compare);
  int first = STREAMS_FIRST_FD;
  for (size_t i = 0; i < length; i++) {
    if (kept[i] > first && close_range((unsigned)first, (unsigned)kept[i] - 1, 0) < 0)
      return -errno;
    first = kept[i] + 1;
  }
  return close_range((unsigned)first, ~0u, 0) < 0 ? -errno : 0;
}

void streams_close_sockets(struct stream_ends *ends) {
  for (size_t i = 0; i < ends->socket_count; i++)
    if (ends->sockets[i] >= 0)
      close(ends->sockets[i]);
  free(ends->sockets);
  ends->sockets = NULL;
  ends->socket_count = 0;
}

void streams_close(struct stream_ends *ends) {
  streams_close_sockets(ends);
  for (int fd = 0; fd <= 2; fd++)
    if (ends->fds[fd] >= 0) {
      close(ends->fds[fd]);
      ends->fds[fd] = -1;
    }
}

/* From the node that the launcher put into /dev itself. */
static int put_null(int fd, struct rkt_error *err) {
  cleanup_close int null = open("/dev/null", (fd == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_CLOEXEC | O_NOFOLLOW);
  if (null < 0 || dup2(null, fd) < 0)
    return rkt_fail(err, errno, "opening /dev/null as descriptor %d", fd);
  return 0;
}

int streams_put(const struct stream_ends *ends, const struct plan_app *app, struct rkt_error *err) {
  for (int fd = 0; fd <= 2; fd++) {
    int result = 0;
    if (app->std_streams[fd] == PLAN_STREAM_NULL)
      result = put_null(fd, err);
    else if (ends->fds[fd] >= 0 && dup2(ends->fds[fd], fd) < 0)
      result = rkt_fail(err, errno, "taking descriptor %d", fd);
    if (result < 0)
      return result;
  }
  return 0;
}
