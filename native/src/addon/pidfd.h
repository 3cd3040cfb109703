/* Processes by descriptor: pidfd_open(2), pidfd_send_signal(2). Linux 5.3. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/error.h"

/* *ret_fd is close-on-exec. -ESRCH where there is no such process. */
int rkt_pidfd_open(pid_t pid, int *ret_fd, struct rkt_error *err);

/* Sends `signal_number` (0 only checks). *ret_alive is false where the process has been reaped. */
int rkt_pidfd_signal(int pidfd, int signal_number, bool *ret_alive, struct rkt_error *err);
