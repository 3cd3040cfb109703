/* Terminals of apps: pairs of master and slave in the app's own instance of devpts, where their names can be found. */
#pragma once

#include "common/error.h"

struct pty {
  int master; /* O_NONBLOCK */
  int slave;
  unsigned number; /* the slave is /dev/pts/<number> */
};

/*
 * Opens a new pair in /dev/pts below `root`, a descriptor of an app's root directory. What an app may have put in the place of
 * /dev, /dev/pts or ptmx is not followed: anything but a devpts file system with its own ptmx is an error.
 */
int pty_open(int root, struct pty *ret_pty, struct rkt_error *err);

/* Another descriptor of the slave of a master, whatever mount namespace the caller is in (Linux 4.13). */
int pty_open_slave(int master, int *ret_slave, struct rkt_error *err);

/* Puts the slave in the place of standard streams: bit N of `streams` is descriptor N. */
int pty_replace(int slave, unsigned streams, struct rkt_error *err);

/*
 * Makes the caller the leader of a session whose controlling terminal is the slave, which becomes the property of `uid` as
 * login(1) does it. The end of the caller is then a hangup for everyone who still has the terminal.
 */
int pty_control(int slave, unsigned uid, struct rkt_error *err);
