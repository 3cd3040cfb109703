/* What the pod's init and the monitor tell each other, one packet each over a SOCK_SEQPACKET pair. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum report_kind {
  REPORT_FORKED = 1, /* an app has a process; `pid` is its number as the receiver sees it, `value` that in the pod */
  REPORT_STARTED,    /* it executes the app's program */
  REPORT_EXITED,     /* it ended; `value` is its exit code, or 128 and the signal */
  REPORT_FAILED,     /* it could not be started; `text` says why */
  REPORT_STOPPING,   /* the apps were told to end, by signal `value` */
  REPORT_BROKEN,     /* init itself failed; `text` says why */
  REPORT_FILES,      /* descriptors of an app for the monitor, see launch.h */
  REPORT_TERMINAL,   /* an app was given a terminal; the descriptor is its master. Sent by its launcher */
  REPORT_SOCKET,     /* a socket of an app that may be started again was opened; `value` is its place among the app's */
  REPORT_RELEASED,   /* from the monitor to the init: an app that it looked after is over, with code `value` */
};

struct report {
  uint32_t kind;
  uint32_t app; /* index in the plan */
  int32_t value;
  pid_t pid;
  char text[1024];
};

/* At most so many descriptors go with a report. */
#define REPORT_FILES_MAX 2

/* Sends a report. With `report->pid` set, the kernel translates that process's number for the receiver. */
void report_send(int socket, const struct report *report);

/* The same with copies of `count` descriptors, at most REPORT_FILES_MAX. */
void report_send_files(int socket, const struct report *report, const int *files, size_t count);

/* The same, or nothing where that would mean to wait. `count` may be 0; nothing happens with -1 for `socket`. */
void report_offer(int socket, const struct report *report, const int *files, size_t count);

/*
 * Receives one; 1: there is one, 0: none now, -1: there will be no more. `ret_files` gets the descriptors that came with a
 * REPORT_FILES, REPORT_TERMINAL or REPORT_SOCKET, the caller's from then on, and -1 in the rest.
 */
int report_receive(int socket, struct report *ret_report, int ret_files[REPORT_FILES_MAX]);

/* A pair, [0] for the monitor, [1] for the init. Negative errno on failure. */
int report_open(int ret_sockets[2]);
