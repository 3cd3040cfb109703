#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int rkt_fail(struct rkt_error *err, int errnum, const char *format, ...) {
  if (err == NULL)
    return errnum == 0 ? -EINVAL : -errnum;

  va_list args;
  va_start(args, format);
  int length = vsnprintf(err->message, sizeof(err->message), format, args);
  va_end(args);

  if (errnum != 0 && length >= 0 && (size_t)length < sizeof(err->message)) {
    /* strerror_r of glibc is the GNU one under _GNU_SOURCE; strerrordesc_np needs no buffer and is not localised. */
    const char *reason = strerrordesc_np(errnum);
    snprintf(err->message + length, sizeof(err->message) - (size_t)length, ": %s",
             reason == NULL ? "unknown error" : reason);
  }
  err->errnum = errnum == 0 ? EINVAL : errnum;
  return -err->errnum;
}
