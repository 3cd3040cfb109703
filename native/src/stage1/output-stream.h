/* One of an app's two streams of output, on its way from the pipe to the log and on. See output.h. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "stage1/attach-server.h"
#include "stage1/log-writer.h"
#include "stage1/sink.h"

struct output_stream;

/* A stream of the monitor as those of several apps share it. */
struct output_outlet {
  struct sink sink;
  struct output_stream *owner; /* has passed on a part of a line */
  bool watched;               /* until there is room again */
};

struct output_stream {
  const struct plan_app *app;
  uint32_t index;   /* of the app */
  int number;       /* 1 or 2 */
  int fd;           /* our end of the pipe, or the master of a terminal; -1: at its end */
  int slave;        /* of a terminal, or -1 */
  bool watched;
  bool ended;       /* the run has: what is in the pipe is its last */
  char *data;       /* NULL: empty */
  size_t capacity;
  size_t length;
  size_t logged;    /* these two are offsets in the data */
  size_t shown;
  size_t ends_at;   /* a line that is not complete before this offset never will be */
  struct log_writer *log;
  struct output_outlet *outlet;       /* NULL: none */
  struct attach_endpoint *endpoint;  /* NULL: cannot be attached to */
  bool by_line;
  bool prefixed;
  pid_t pid;        /* of the next line; 0: not running, nothing is read */
  size_t done;      /* bytes of the line at `shown` that were passed on, its prefix included */
  char *prefix;
  size_t prefix_length;
  pid_t prefix_pid;
};

/* Reads once, and passes on. False where there is nothing to read or no room for it now, or never will be. */
bool output_stream_read(struct output_stream *stream);

/* Passes on what the outlet has not taken yet. */
void output_stream_show(struct output_stream *stream);

/* Whether it waits for its outlet. */
bool output_stream_waits(const struct output_stream *stream);

/*
 * Whether it leads into a pipe that nobody reads any more, of an app that runs once: as in any pipeline, such an app is to know
 * (SIGPIPE). Sockets are those of supervisors, which come back.
 */
bool output_stream_is_unread(const struct output_stream *stream);

/* Whether there is room for more. */
bool output_stream_has_room(const struct output_stream *stream);

/* Takes all that is in the pipe, however much room that takes, and ends the stream. */
void output_stream_drain(struct output_stream *stream);

void output_stream_free(struct output_stream *stream);
