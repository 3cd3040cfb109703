/*
 * The one error convention of the C sources.
 *
 * A function that can fail takes `struct rkt_error *err` as its last parameter and returns a negative errno on failure.
 * Outputs are named ret_* and stay untouched on failure. Messages say what was being done to what; the reason is appended
 * from the errno, so that a caller can print err->message as it stands.
 */
#pragma once

struct rkt_error {
  int errnum;         /* positive errno, never 0 after a failure */
  char message[1024]; /* "opening /foo: No such file or directory" */
};

/* Fills in the error and returns -errnum. errnum 0 means: no system error; the message stands alone and -EINVAL is returned. */
int rkt_fail(struct rkt_error *err, int errnum, const char *format, ...) __attribute__((format(printf, 3, 4)));
