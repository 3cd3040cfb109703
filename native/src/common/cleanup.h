/* Scoped cleanup: a variable so declared is released when it goes out of scope. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

static inline void rkt_cleanup_close(int *fd) {
  if (*fd >= 0)
    close(*fd);
}

static inline void rkt_cleanup_free(void *pointer) { free(*(void **)pointer); }

#define cleanup_close __attribute__((cleanup(rkt_cleanup_close)))
#define cleanup_free __attribute__((cleanup(rkt_cleanup_free)))

/* Hands a descriptor on to the caller: the variable no longer owns it. */
static inline int rkt_steal_fd(int *fd) {
  int taken = *fd;
  *fd = -1;
  return taken;
}
