#include "stage1/output-stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stage1/line-splitter.h"
#include "stage1/message.h"
#include "stage1/output.h"

/* What a pipe holds unless told otherwise. */
#define BUFFER_SIZE 65536u
/* More than the kernel keeps of what was written to a terminal or a socket. */
#define OTHERS_SIZE (4 << 20)
/* Lines of one writev(2), three parts each. */
#define LINES_AT_ONCE 64

static bool next_piece(const struct output_stream *stream, size_t at, struct line_piece *ret_piece) {
  const char *data = stream->data + at;
  if (at < stream->ends_at)
    return line_split(data, stream->ends_at - at, LINE_LIMIT, true, ret_piece);
  return line_split(data, stream->length - at, LINE_LIMIT, false, ret_piece);
}

static void log_lines(struct output_stream *stream) {
  struct line_piece piece;
  if (stream->logged == stream->length || !next_piece(stream, stream->logged, &piece))
    return;
  log_writer_begin(stream->log, stream->number);
  do {
    log_writer_add(stream->log, stream->data + stream->logged, piece.length, piece.complete);
    stream->logged += line_piece_size(&piece);
  } while (stream->logged < stream->length && next_piece(stream, stream->logged, &piece));
  log_writer_end(stream->log);
}

static void report_gone(const struct output_stream *stream, int errnum) {
  if (errnum != EPIPE && errnum != ECONNRESET)
    message_print("writing %s: %s; output goes to the log only", stream->number == STDERR_FILENO ? "stderr" : "stdout",
                  strerrordesc_np(errnum));
}

static ssize_t write_out(struct output_stream *stream, const struct iovec *parts, int count) {
  ssize_t written = sink_write(&stream->outlet->sink, parts, count);
  if (written < 0)
    report_gone(stream, (int)-written);
  return written;
}

static void show_bytes(struct output_stream *stream) {
  while (stream->shown < stream->length) {
    struct iovec part = {.iov_base = stream->data + stream->shown, .iov_len = stream->length - stream->shown};
    ssize_t written = write_out(stream, &part, 1);
    if (written <= 0)
      return;
    stream->shown += (size_t)written;
  }
}

/* A piece as it is shown: prefix, text with its newline, and the newline that keeps pieces apart. */
static int parts_of(const struct output_stream *stream, size_t at, const struct line_piece *piece, struct iovec parts[3]) {
  int count = 0;
  if (stream->prefixed)
    parts[count++] = (struct iovec){.iov_base = stream->prefix, .iov_len = stream->prefix_length};
  if (line_piece_size(piece) > 0)
    parts[count++] = (struct iovec){.iov_base = stream->data + at, .iov_len = line_piece_size(piece)};
  if (stream->prefixed && !piece->complete)
    parts[count++] = (struct iovec){.iov_base = "\n", .iov_len = 1};
  return count;
}

static size_t size_of(const struct iovec *parts, int count) {
  size_t size = 0;
  for (int i = 0; i < count; i++)
    size += parts[i].iov_len;
  return size;
}

/* Leaves out bytes that were written already; returns how many parts are left, the first of them at the beginning. */
static int skip(struct iovec *parts, int count, size_t bytes) {
  int first = 0;
  while (first < count && bytes >= parts[first].iov_len)
    bytes -= parts[first++].iov_len;
  if (first < count) {
    parts[first].iov_base = (char *)parts[first].iov_base + bytes;
    parts[first].iov_len -= bytes;
  }
  memmove(parts, parts + first, (size_t)(count - first) * sizeof(*parts));
  return count - first;
}

static int gather(const struct output_stream *stream, struct iovec *parts) {
  struct line_piece piece;
  size_t at = stream->shown;
  int count = 0;
  for (int lines = 0; lines < LINES_AT_ONCE && at < stream->length && next_piece(stream, at, &piece); lines++) {
    count += parts_of(stream, at, &piece, parts + count);
    at += line_piece_size(&piece);
  }
  return skip(parts, count, stream->done);
}

static void advance(struct output_stream *stream, size_t written) {
  struct line_piece piece;
  stream->done += written;
  while (stream->done > 0 && next_piece(stream, stream->shown, &piece)) {
    struct iovec parts[3];
    size_t size = size_of(parts, parts_of(stream, stream->shown, &piece, parts));
    if (stream->done < size)
      break;
    stream->done -= size;
    stream->shown += line_piece_size(&piece);
    if (stream->shown == stream->length)
      break;
  }
}

static void show_lines(struct output_stream *stream) {
  struct output_outlet *outlet = stream->outlet;
  struct iovec parts[LINES_AT_ONCE * 3];
  if (outlet->owner != NULL && outlet->owner != stream)
    return;
  for (int count; stream->shown < stream->length && (count = gather(stream, parts)) > 0;) {
    ssize_t written = write_out(stream, parts, count);
    if (written <= 0)
      break;
    advance(stream, (size_t)written);
  }
  outlet->owner = stream->done > 0 ? stream : NULL;
}

bool output_stream_waits(const struct output_stream *stream) {
  struct line_piece piece;
  return stream->outlet != NULL && stream->outlet->sink.fd >= 0 && stream->shown < stream->length &&
         (!stream->by_line || next_piece(stream, stream->shown, &piece));
}

bool output_stream_is_unread(const struct output_stream *stream) {
  return stream->fd >= 0 && stream->slave < 0 && stream->app->restart == PLAN_RESTART_NEVER && stream->outlet != NULL &&
         stream->outlet->sink.pipe && stream->outlet->sink.fd < 0;
}

static void forget(struct output_stream *stream) {
  free(stream->data);
  stream->data = NULL;
  stream->capacity = stream->length = stream->logged = stream->shown = stream->ends_at = 0;
}

/* Drops what everybody has; the rest moves only where that makes a difference. */
static void compact(struct output_stream *stream) {
  size_t first = stream->logged < stream->shown ? stream->logged : stream->shown;
  if (first == stream->length) {
    forget(stream);
    return;
  }
  if (first < stream->capacity / 4 && stream->length < stream->capacity)
    return;
  memmove(stream->data, stream->data + first, stream->length - first);
  stream->length -= first;
  stream->logged -= first;
  stream->shown -= first;
  stream->ends_at = stream->ends_at > first ? stream->ends_at - first : 0;
}

void output_stream_show(struct output_stream *stream) {
  if (stream->data == NULL)
    return;
  if (stream->outlet != NULL && stream->outlet->sink.fd >= 0 && !stream->outlet->sink.blocked) {
    if (stream->by_line)
      show_lines(stream);
    else
      show_bytes(stream);
  }
  if (stream->outlet == NULL || stream->outlet->sink.fd < 0) {
    stream->shown = stream->length;
    stream->done = 0;
    if (stream->outlet != NULL && stream->outlet->owner == stream)
      stream->outlet->owner = NULL;
  }
  compact(stream);
}

static void pass_on(struct output_stream *stream) {
  log_lines(stream);
  output_stream_show(stream);
}

/* A run has ended and its pipe is empty. */
static void end_lines(struct output_stream *stream) {
  stream->ended = false;
  stream->ends_at = stream->length;
  if (stream->data != NULL)
    pass_on(stream);
}

static bool reserve(struct output_stream *stream, size_t capacity) {
  if (stream->capacity >= capacity)
    return true;
  char *data = realloc(stream->data, capacity);
  if (data == NULL)
    return false;
  stream->data = data;
  stream->capacity = capacity;
  return true;
}

bool output_stream_has_room(const struct output_stream *stream) {
  return stream->data == NULL || stream->length < stream->capacity;
}

/* A line that is being written keeps the prefix it began with. */
static void update_prefix(struct output_stream *stream) {
  if (!stream->prefixed || stream->prefix_pid == stream->pid || stream->shown < stream->length)
    return;
  int length = snprintf(NULL, 0, "%s[%d]: ", stream->app->name, stream->pid);
  char *prefix = malloc((size_t)length + 1);
  if (prefix == NULL)
    return;
  snprintf(prefix, (size_t)length + 1, "%s[%d]: ", stream->app->name, stream->pid);
  free(stream->prefix);
  stream->prefix = prefix;
  stream->prefix_pid = stream->pid;
  stream->prefix_length = (size_t)length;
}

static void close_pipe(struct output_stream *stream) {
  close(stream->fd);
  if (stream->slave >= 0)
    close(stream->slave);
  stream->fd = stream->slave = -1;
  end_lines(stream);
  if (stream->endpoint != NULL)
    attach_endpoint_end(stream->endpoint);
}

/* More than 0: bytes, 0: the end, less: none now. */
static ssize_t read_some(struct output_stream *stream) {
  ssize_t count;
  do
    count = read(stream->fd, stream->data + stream->length, stream->capacity - stream->length);
  while (count < 0 && errno == EINTR);
  if (count <= 0)
    return count;
  if (stream->endpoint != NULL)
    attach_endpoint_send(stream->endpoint, stream->data + stream->length, (size_t)count);
  stream->length += (size_t)count;
  return count;
}

bool output_stream_read(struct output_stream *stream) {
  if (stream->fd < 0 || !output_stream_has_room(stream) || !reserve(stream, BUFFER_SIZE))
    return false;
  update_prefix(stream);
  ssize_t count = read_some(stream);
  if (count > 0) {
    pass_on(stream);
    return true;
  }
  if (stream->length == 0)
    forget(stream);
  if (count == 0)
    close_pipe(stream);
  else if (stream->ended)
    end_lines(stream);
  return false;
}

void output_stream_drain(struct output_stream *stream) {
  /* A process outside of the pod may hold the pipe, so that it is never at its end nor empty: what fits into it is enough. */
  int left = stream->fd < 0 ? 0 : fcntl(stream->fd, F_GETPIPE_SZ);
  if (left < 0)
    left = OTHERS_SIZE;
  while (left > 0 && reserve(stream, stream->length + BUFFER_SIZE)) {
    update_prefix(stream);
    ssize_t count = read_some(stream);
    if (count <= 0)
      break;
    left -= (int)count;
    pass_on(stream);
  }
  if (stream->fd >= 0)
    close_pipe(stream);
}

void output_stream_free(struct output_stream *stream) {
  if (stream->fd >= 0)
    close(stream->fd);
  if (stream->slave >= 0)
    close(stream->slave);
  free(stream->data);
  free(stream->prefix);
}
