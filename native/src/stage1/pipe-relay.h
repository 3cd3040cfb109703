/*
 * Pipes in the place of the caller's terminal, for a command that is to have no terminal: what is typed is passed on
 * by lines, as the caller's terminal gives them, and what the command writes is shown. Standard output and error are
 * told apart. Made for a loop around poll(2).
 */
#pragma once

#include <poll.h>

#include "common/error.h"
#include "stage1/relay-buffer.h"

#define PIPE_RELAY_POLLS 3

/* One standard stream. All descriptors are owned; -1: closed. */
struct relayed_pipe {
  int source;
  int sink;
  int theirs; /* the command's end of the pipe */
  struct relay_buffer buffer;
};

struct pipe_relay {
  struct relayed_pipe pipes[PIPE_RELAY_POLLS]; /* by number of the stream */
};

/* For the streams in `streams`, whose bit N is descriptor N, in the caller's mount namespace. */
int pipe_relay_open(unsigned streams, struct pipe_relay *ret_relay, struct rkt_error *err);

/* In the process of the command: puts its ends in the place of its standard streams. */
int pipe_relay_replace(const struct pipe_relay *relay, struct rkt_error *err);

/* In the caller, once the command has its ends: lets go of them. */
void pipe_relay_begin(struct pipe_relay *relay);

/* Fills in what to wait for. */
void pipe_relay_wait_for(const struct pipe_relay *relay, struct pollfd waits[PIPE_RELAY_POLLS]);

/* Moves what can be moved after poll(2). */
void pipe_relay_move(struct pipe_relay *relay, const struct pollfd waits[PIPE_RELAY_POLLS]);

/*
 * When the command has ended: shows what it has written, waiting for the caller's terminal as long as it takes or
 * until a signal that asks us to end comes by the signal descriptor `signals`. What others still write, whom it has
 * left behind, is nobody's.
 */
void pipe_relay_finish(struct pipe_relay *relay, int signals);
