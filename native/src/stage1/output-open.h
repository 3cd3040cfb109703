/* How the output of a pod comes about: the pipes, logs, outlets and sockets of a plan's apps. */
#pragma once

#include "stage1/output-stream.h"
#include "stage1/output.h"

/* What tells that it is the server of attached ones who has something to do. */
#define OUTPUT_ATTACH_EVENT UINT32_MAX

/* The monitor's stdout and stderr; where both are the same file, all streams share the first. */
struct output_outlets {
  struct output_outlet items[2];
};

/* Fills in everything but what is read, which begins with output_take_process. On failure output_discard is still to be called. */
int output_make(struct output *output, struct rkt_error *err);

/* Adds the stream of an app's terminal, whose slave stays open with it. Takes `master`, also on failure. */
int output_make_terminal(struct output *output, uint32_t app, int master, struct output_stream **ret_stream,
                         struct rkt_error *err);

/* Closes and frees everything, wherever it is. */
void output_discard(struct output *output);
