/* A command that was brought into an app, and whoever called it: streams, terminal, signals, the end. */
#pragma once

#include "stage1/pipe-relay.h"
#include "stage1/relay.h"

/* Where the command has a terminal. */
enum enter_terminal {
  ENTER_TERMINAL_AUTO,   /* where the caller has one, each stream for itself */
  ENTER_TERMINAL_ALWAYS, /* on all three streams */
  ENTER_TERMINAL_NEVER,  /* pipes are in the place of the caller's */
};

struct enter_session {
  unsigned streams; /* bit N: descriptor N is replaced for the command, */
  bool by_pipes;    /* by a pipe; otherwise by the app's terminal */
  int signals;
  struct terminal terminal;
  struct relay relay;
  struct pipe_relay pipes;
};

/*
 * Looks at the caller's streams, in the caller's mount namespace. Each that is a terminal is replaced by one of the
 * app's: from the caller's own, the app could read what is typed and put characters into it (TIOCSTI).
 */
int enter_session_open(enum enter_terminal wanted, struct enter_session *ret_session, struct rkt_error *err);

/*
 * Replaces the streams of a process in the app's mount namespace, which is another one than the caller's. Where that
 * takes a terminal of the app it is opened, and its master sent to `reports`.
 */
int enter_session_replace(const struct enter_session *session, int reports, struct rkt_error *err);

/* Takes the master, also on failure. */
int enter_session_take_master(struct enter_session *session, int master, struct rkt_error *err);

/*
 * In the process that becomes the command: what replaces its streams belongs to the user `uid`; a terminal is its
 * controlling one.
 */
int enter_session_control(const struct enter_session *session, unsigned uid, struct rkt_error *err);

/* Relays, and passes signals on, until the command has ended; its exit code. */
int enter_session_wait(struct enter_session *session, pid_t command);
