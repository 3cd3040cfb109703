/* The terminal of whoever called us, or what stands in for one: made raw while it is relayed, and given back as it was. */
#pragma once

#include <stdbool.h>
#include <termios.h>

#include "common/error.h"

struct terminal {
  int input;      /* -1: nothing is typed */
  int output;     /* -1: nothing is shown */
  bool is_typed;  /* the input is a terminal */
  bool raw;
  struct termios saved; /* of the input, where that is a terminal */
};

/* Which standard streams of the caller are terminals: bit N is descriptor N. */
unsigned terminal_streams(void);

/*
 * Opens what the standard stream `fd` leads to anew, without O_NONBLOCK for those who share it. Where that is not possible, a duplicate:
 * reads and writes may then wait, which does no harm for what poll(2) has announced and nobody else takes.
 */
int terminal_open_again(int fd, int flags, int *ret_fd, struct rkt_error *err);

/*
 * Descriptors for relaying what the standard streams in `streams` lead to, in the host's mount namespace. Terminals are opened anew,
 * so that O_NONBLOCK is not set for everybody who shares the caller's description of them.
 */
int terminal_open(unsigned streams, struct terminal *ret_terminal, struct rkt_error *err);

/*
 * Gives an app's terminal, which stands in for the standard streams in `streams`, the settings and the size of the caller's, before
 * the app starts. Settings of a terminal that is raw, as it is while another one is relayed, are not what the user wants.
 */
void terminal_imitate(unsigned streams, int slave);

/*
 * Makes the terminal raw: every key is a character for the app. Deadly signals that nobody waits for give the terminal back before they
 * kill us. In the background this stops the process, as for every program, until it is in the foreground. Call it again after a
 * SIGCONT.
 */
void terminal_enter(struct terminal *terminal);

/* Gives the terminal back as it was found, unless we are in the background, where it is others' to set. */
void terminal_leave(struct terminal *terminal);

/* Gives the app's terminal the size of this one. The kernel tells the app where it has changed. */
void terminal_copy_size(const struct terminal *terminal, int master);
