/*
 * Carries what is typed on the caller's terminal to an app's terminal and the app's output back, at the pace of the slower side.
 * Made for a loop around poll(2) that has other things to do as well.
 */
#pragma once

#include <poll.h>
#include <time.h>

#include "stage1/relay-buffer.h"
#include "stage1/terminal.h"

#define RELAY_POLLS 3

struct relay {
  struct terminal *terminal;
  int master; /* -1: the app's terminal has been hung up; owned */
  int slave;  /* kept open: that no process of the app has it just now does not mean that none will; owned */
  bool input_over;
  bool output_over;
  int escapes;               /* how many ^] were typed in a row */
  struct timespec first_escape;
  struct relay_buffer typed; /* on its way to the app */
  struct relay_buffer shown; /* on its way to the caller */
};

enum relay_state {
  RELAY_GOES_ON,
  RELAY_ESCAPED, /* ^] was typed three times within a second: the caller wants to get out */
};

void relay_begin(struct relay *relay, struct terminal *terminal, int master, int slave);

/* Fills in what to wait for. */
void relay_wait_for(const struct relay *relay, struct pollfd waits[RELAY_POLLS]);

/* Moves what can be moved after poll(2). A caller's terminal that has gone away hangs up that of the app. */
enum relay_state relay_move(struct relay *relay, const struct pollfd waits[RELAY_POLLS]);

/*
 * When the app has ended: shows all that it has written, waiting for the caller's terminal as long as it takes or until a signal that
 * asks us to end comes by the signal descriptor `signals`.
 */
void relay_finish(struct relay *relay, int signals);

/* Closes the app's terminal: a hangup for whoever still uses it. */
void relay_hang_up(struct relay *relay);
