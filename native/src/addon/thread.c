#include <limits.h>
#include <signal.h>

#include "netns.h"

int rkt_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *argument, struct rkt_error *err) {
  pthread_attr_t attr;
  int error = pthread_attr_init(&attr);
  if (error != 0)
    return rkt_fail(err, error, "starting a thread");
  /* Enough for a struct rkt_error and vsnprintf several times over; thread-local storage comes out of it as well. */
  error = pthread_attr_setstacksize(&attr, 256 * 1024);

  /* A new thread inherits the signal mask of its creator. */
  sigset_t all, before;
  sigfillset(&all);
  if (error == 0)
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
  if (error == 0) {
    error = pthread_create(ret_thread, &attr, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  pthread_attr_destroy(&attr);
  return error == 0 ? 0 : rkt_fail(err, error, "starting a thread");
}
