/*
 * What apps print and read, in a process of its own (output-process.h).
 *
 * An app's stdout and stderr are pipes. They are read here, every line is written to the app's log, and the bytes are passed on: to the
 * monitor's own stream, or to whoever is attached. A stream that is not taken by its reader fills its buffer and then its pipe,
 * which makes its app wait and nobody else. A reader that is gone is done without, and the log goes on, unless it
 * was that of a pipe (output_stream_is_unread).
 *
 * Bytes of a pod's only app pass through as they are. With several apps, or PREFIX, whole lines are passed on, so that
 * no line is torn by another app's; a line longer than LINE_LIMIT is passed on in pieces.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "stage1/plan.h"
#include "stage1/streams.h"

/* A longer line becomes several entries in the log. */
#define LINE_LIMIT 16384u

struct output_outlets;
struct output_stream;
struct attach_server;
struct log_writer;

struct output {
  const struct plan *plan;
  int poll;                 /* readable when output_handle has something to do; -1: never */
  int dir;                  /* of the pod */
  struct stream_ends *ends; /* one per app: what launchers put on descriptors 0 to 2 */
  struct output_stream *streams;
  size_t count;             /* of streams */
  size_t turn;              /* which of them is the first to be served */
  struct log_writer *logs;  /* one per app */
  struct output_outlets *outlets;
  struct attach_server *attach; /* NULL: nobody can attach to anything */
};

/* Makes the pipes of all apps, and the sockets of those that can be attached to. `dir`: of the pod, open as long as the output. */
int output_open(const struct plan *plan, int dir, struct output *ret_output, struct rkt_error *err);

/*
 * An app has a process, of that number in the pod's PID namespace: what it prints is read from now on. Again for an app that is
 * started again.
 */
void output_take_process(struct output *output, uint32_t app, pid_t pid);

/*
 * The app has a terminal of which `master` is the other end: whoever attaches to `tty` has it, and what is shown goes to the log.
 * Takes the descriptor, also on failure.
 */
int output_take_terminal(struct output *output, uint32_t app, int master, struct rkt_error *err);

/* A run of the app has ended: passes on what it has printed, the last line even if it is not complete. */
void output_take_end(struct output *output, uint32_t app);

void output_handle(struct output *output);

/* All processes of the pod are gone: takes what they have printed from the pipes into the logs. Does not wait. */
void output_finish(struct output *output);

/* Waits until the monitor's streams have taken everything, and frees it. */
void output_close(struct output *output);
