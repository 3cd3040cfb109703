#include "stage1/log-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/log-rotation.h"
#include "stage1/message.h"

/* One for all writers: only one of them has a batch at a time. Pages that were never needed cost nothing. */
static char buffer[128 * 1024];

struct log_writer log_writer_make(const struct plan *plan, const struct plan_app *app, int dir) {
  return (struct log_writer){
      .dir = dir, .app = app->name, .size_limit = plan->log_size, .files = plan->log_files, .fd = -1};
}

static int format_header(char *header, size_t size, int stream) {
  /* Most batches come in the same second as the one before. */
  static time_t second = -1;
  static char date[24];
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (now.tv_sec != second) {
    struct tm parts;
    gmtime_r(&now.tv_sec, &parts);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
    second = now.tv_sec;
  }
  return snprintf(header, size, "%s.%09ldZ %s F ", date, now.tv_nsec, stream == STDERR_FILENO ? "stderr" : "stdout");
}

void log_writer_begin(struct log_writer *writer, int stream) {
  writer->header_length = format_header(writer->header, sizeof(writer->header), stream);
}

static void fail(struct log_writer *writer, int errnum, uint64_t pieces) {
  writer->lost += pieces;
  writer->errnum = errnum;
  if (writer->told)
    return;
  writer->told = true;
  message_print("app \"%s\": writing its log: %s; the pod goes on, output that the log has no room for is lost",
                writer->app, strerrordesc_np(errnum));
}

static bool open_log(struct log_writer *writer) {
  if (writer->fd >= 0)
    return true;
  struct rkt_error err;
  int result = log_rotation_open(writer->dir, writer->app, &writer->fd, &writer->size, &err);
  if (result < 0)
    fail(writer, -result, 0);
  return result == 0;
}

static uint64_t count_entries(const char *data, size_t length) {
  uint64_t count = 0;
  for (const char *end = data + length; (data = memchr(data, '\n', (size_t)(end - data))) != NULL; data++)
    count++;
  return count;
}

/* Whole entries only: a file that took a part of one is cut back to where it began. Returns how many bytes were kept. */
static size_t keep_entries(struct log_writer *writer, const char *data, size_t written) {
  const char *newline = written == 0 ? NULL : memrchr(data, '\n', written);
  size_t kept = newline == NULL ? 0 : (size_t)(newline - data) + 1;
  writer->size += kept;
  if (kept < written && ftruncate(writer->fd, (off_t)writer->size) < 0)
    writer->size += written - kept;
  return kept;
}

/* Appends entries as far as there is room; what has none is lost. */
static bool append(struct log_writer *writer, const char *data, size_t length) {
  size_t done = 0;
  int errnum = 0;
  while (done < length && errnum == 0) {
    ssize_t written = write(writer->fd, data + done, length - done);
    if (written > 0)
      done += (size_t)written;
    else if (written == 0 || errno != EINTR)
      errnum = written == 0 ? ENOSPC : errno;
  }
  size_t kept = keep_entries(writer, data, done);
  if (kept < length)
    fail(writer, errnum, count_entries(data + kept, length - kept));
  return kept == length;
}

/* Says how much is missing where it is missing. False where there is no room for that either. */
static bool append_marker(struct log_writer *writer) {
  if (writer->lost == 0)
    return true;
  char entry[256];
  uint64_t lost = writer->lost;
  int length = format_header(entry, sizeof(entry), STDERR_FILENO);
  length += snprintf(entry + length, sizeof(entry) - (size_t)length, "rkt: %llu lines of output are missing here: %s\n",
                     (unsigned long long)lost, strerrordesc_np(writer->errnum));
  bool written = append(writer, entry, (size_t)length);
  writer->lost = written ? 0 : lost;
  return written;
}

static void flush(struct log_writer *writer) {
  if (writer->used == 0)
    return;
  if (open_log(writer) && append_marker(writer))
    (void)append(writer, buffer, writer->used);
  else
    writer->lost += count_entries(buffer, writer->used);
  writer->used = 0;
}

static void rotate(struct log_writer *writer) {
  struct rkt_error err;
  int result = log_rotation_shift(writer->dir, writer->app, writer->files, &err);
  if (result < 0) {
    fail(writer, -result, 0);
    return;
  }
  if (writer->fd >= 0)
    close(writer->fd);
  writer->fd = -1;
}

/* The buffer never holds more than the current file may still take, so that a batch may go into several. */
static void make_room(struct log_writer *writer, size_t length) {
  if (writer->fd < 0 && writer->used == 0)
    (void)open_log(writer);
  uint64_t size = writer->size + writer->used;
  if (writer->size_limit != 0 && size > 0 && size + length > writer->size_limit) {
    flush(writer);
    /* Even with lost lines: where the disk is full, this is what makes room. */
    rotate(writer);
    if (!open_log(writer))
      return;
  }
  if (writer->used + length > sizeof(buffer))
    flush(writer);
}

void log_writer_add(struct log_writer *writer, const char *text, size_t length, bool complete) {
  size_t header = (size_t)writer->header_length;
  make_room(writer, header + length + 1);
  char *at = buffer + writer->used;
  memcpy(at, writer->header, header);
  if (!complete)
    at[header - 2] = 'P';
  memcpy(at + header, text, length);
  at[header + length] = '\n';
  writer->used += header + length + 1;
}

void log_writer_end(struct log_writer *writer) { flush(writer); }

void log_writer_close(struct log_writer *writer) {
  /* What was lost at the very end is told as well, if there is room by now. */
  if (writer->lost > 0 && open_log(writer))
    (void)append_marker(writer);
  if (writer->fd >= 0)
    close(writer->fd);
  writer->fd = -1;
}
