/* How the output of a pod comes about: the pipes, logs, outlets and sockets of a plan's apps. */
#pragma once

#include "stage1/output-stream.h"
#include "stage1/output.h"

/* The monitor's stdout and stderr; where both are the same file, all streams share the first. */
struct output_outlets {
  struct output_outlet items[2];
};

/* Fills in everything but what is read, which begins with output_take_process. On failure output_discard is still to be called. */
int output_make(struct output *output, int dir, struct rkt_error *err);

/* Closes and frees everything, wherever it is. */
void output_discard(struct output *output);
