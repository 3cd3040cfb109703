/* Signal dispositions and masks of stage1's processes. */
#pragma once

#include <stdbool.h>

#include "stage1/plan.h"

/*
 * Every disposition as a program expects to find it, and the signals of signals_open blocked. What a caller ignored (node and shells ignore
 * SIGPIPE, nohup SIGHUP) must not reach the apps.
 */
void signals_take_over(void);

/* Unblocks everything: what a launcher and the app in it start with. */
void signals_release(void);

/*
 * A descriptor that reports the signals which are passed on to apps, SIGCHLD and those that stop a pod.
 * Returns a negative errno on failure. Also sets SIGPIPE to be ignored.
 */
int signals_open(void);

/* SIGTERM and SIGINT end a pod. The app may have named another signal for SIGTERM. */
bool signals_is_stop(int signal);
int signals_for_app(const struct plan_app *app, int signal);

/*
 * A change of the user, also of the one that files are made as, makes the kernel forget that a process is to die with its parent.
 * So: the signal is asked for before, and set again after. Whoever relies on it looks for the parent once more.
 */
int signals_get_parent_death(void);
void signals_set_parent_death(int signal);

/* The next signal of the descriptor, or 0. */
int signals_next(int fd);
