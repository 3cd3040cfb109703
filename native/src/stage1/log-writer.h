/*
 * The log of one app, `logs/<app>.log` in the pod's directory, in the format that Kubernetes calls CRI: a line per line of output,
 *
 *   2016-10-06T00:17:09.669794202Z stdout F text
 *
 * with P instead of F for a piece of a line whose next piece is the next entry of the same stream. A file that would become
 * longer than the limit is put aside as `.log.1`; what was that before becomes `.log.2`, and so on.
 *
 * The file is made with the first output. A disk that is full, or any other failure, costs lines but nothing else: they are
 * counted, and an entry tells how many are missing as soon as there is room again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "stage1/plan.h"

struct log_writer {
  int dir;             /* of the pod */
  const char *app;
  uint64_t size_limit; /* 0: none */
  uint32_t files;      /* how many are kept beside the current one */
  int fd;              /* -1 before the first output */
  uint64_t size;
  size_t used;         /* bytes that wait in the buffer, which all writers share */
  uint64_t lost;       /* entries since the last one that was written */
  int errnum;          /* why */
  bool told;           /* the user has heard of it */
  int header_length;
  char header[48];
};

struct log_writer log_writer_make(const struct plan *plan, const struct plan_app *app, int dir);

/* A batch of one stream (1 or 2) begins; all that it holds has this moment's time. One writer at a time has a batch. */
void log_writer_begin(struct log_writer *writer, int stream);
void log_writer_add(struct log_writer *writer, const char *text, size_t length, bool complete);
/* Writes what was added. */
void log_writer_end(struct log_writer *writer);

void log_writer_close(struct log_writer *writer);
