/* What the pod's init tells the monitor, one packet each over a SOCK_SEQPACKET pair. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

enum report_kind {
  REPORT_FORKED = 1, /* an app has a process; `pid` is its number as the receiver sees it */
  REPORT_STARTED,    /* it executes the app's program */
  REPORT_EXITED,     /* it ended; `value` is its exit code, or 128 and the signal */
  REPORT_FAILED,     /* it could not be started; `text` says why */
  REPORT_STOPPING,   /* the apps were told to end */
  REPORT_BROKEN,     /* init itself failed; `text` says why */
};

struct report {
  uint32_t kind;
  uint32_t app; /* index in the plan */
  int32_t value;
  pid_t pid;
  char text[1024];
};

/* Sends a report. With `report->pid` set, the kernel translates that process's number for the receiver. */
void report_send(int socket, const struct report *report);

/* Receives one; 1: there is one, 0: none now, -1: there will be no more. */
int report_receive(int socket, struct report *ret_report);

/* A pair, [0] for the monitor, [1] for the init. Negative errno on failure. */
int report_open(int ret_sockets[2]);
