/* A command that was brought into an app, and whoever called it: streams, terminal, signals, the end. */
#pragma once

#include "stage1/relay.h"

struct enter_session {
  unsigned streams; /* bit N: descriptor N is the app's terminal for the command */
  int slave;        /* of that terminal; -1: there is none */
  int signals;
  struct terminal terminal;
  struct relay relay;
};

/*
 * Looks at the caller's streams, in the caller's mount namespace. Each that is a terminal is replaced by one of the app's: from the
 * caller's own, the app could read what is typed and put characters into it (TIOCSTI). With `always` all three are.
 */
int enter_session_open(bool always, struct enter_session *ret_session, struct rkt_error *err);

/* Opens the app's terminal where one is needed. The caller is in the app's mount namespace by now. */
int enter_session_make_terminal(struct enter_session *session, struct rkt_error *err);

/* In the process that becomes the command: its streams and its controlling terminal, for the user `uid`. */
int enter_session_take_terminal(const struct enter_session *session, unsigned uid, struct rkt_error *err);

/* Relays the terminal and passes signals on until the command has ended; its exit code. */
int enter_session_wait(struct enter_session *session, pid_t command);
