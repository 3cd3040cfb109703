/* A command that was brought into an app, and whoever called it: streams, terminal, signals, the end. */
#pragma once

#include "stage1/relay.h"

struct enter_session {
  unsigned streams; /* bit N: descriptor N is the app's terminal for the command */
  int signals;
  struct terminal terminal;
  struct relay relay;
};

/*
 * Looks at the caller's streams, in the caller's mount namespace. Each that is a terminal is replaced by one of the app's: from the
 * caller's own, the app could read what is typed and put characters into it (TIOCSTI). With `always` all three are.
 */
int enter_session_open(bool always, struct enter_session *ret_session, struct rkt_error *err);

/*
 * Where a terminal of the app is needed: opens it, makes it the caller's streams, and sends the master to `reports`. The caller is
 * another process, in the app's mount namespace.
 */
int enter_session_make_terminal(const struct enter_session *session, int reports, struct rkt_error *err);

/* Takes the master, also on failure. */
int enter_session_take_master(struct enter_session *session, int master, struct rkt_error *err);

/* In the process that becomes the command: makes the terminal its controlling one, for the user `uid`. */
int enter_session_control(const struct enter_session *session, unsigned uid, struct rkt_error *err);

/* Relays the terminal and passes signals on until the command has ended; its exit code. */
int enter_session_wait(struct enter_session *session, pid_t command);
