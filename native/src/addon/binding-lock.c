/*
 * lockFreed: see FileHandleExtras of native/index.ts.
 *
 * Nothing but flock(2) itself can wait for a lock, and nothing interrupts it in an orderly way. So every wait is a thread of its own,
 * which is not joined: libuv's pool would be used up by a few waits, and would hold up the end of the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "binding.h"
#include "netns.h"

struct wait {
  int fd;
  int error; /* 0: the lock was free */
  napi_deferred deferred;
  napi_threadsafe_function done;
};

static void *wait_for_lock(void *data) {
  struct wait *wait = data;
  int result;
  while ((result = flock(wait->fd, LOCK_SH)) < 0 && errno == EINTR)
    continue;
  wait->error = result < 0 ? errno : 0;
  /* It was not wanted for itself. Closing would not do: the caller may still have a descriptor of the same open directory. */
  flock(wait->fd, LOCK_UN);
  close(wait->fd);
  napi_threadsafe_function done = wait->done;
  if (napi_call_threadsafe_function(done, wait, napi_tsfn_blocking) == napi_ok)
    napi_release_threadsafe_function(done, napi_tsfn_release);
  else
    free(wait); /* the environment is ending, and has taken our share of the function */
  return NULL;
}

static napi_status settle(napi_env env, const struct wait *wait) {
  napi_value value;
  napi_status status;
  if (wait->error == 0) {
    status = napi_get_undefined(env, &value);
    return status == napi_ok ? napi_resolve_deferred(env, wait->deferred, value) : status;
  }
  struct rkt_error err;
  rkt_fail(&err, wait->error, "waiting for a lock");
  status = rkt_create_error(env, &err, "flock", &value);
  return status == napi_ok ? napi_reject_deferred(env, wait->deferred, value) : status;
}

static void on_done(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback;
  (void)context;
  /* Without an environment there is nobody left to tell. */
  if (env != NULL && settle(env, data) != napi_ok)
    rkt_throw_napi(env);
  free(data);
}

static napi_status prepare(napi_env env, struct wait *wait, napi_value *ret_promise) {
  napi_value name;
  napi_status status = napi_create_string_utf8(env, "rkt:lockFreed", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok)
    status = napi_create_promise(env, &wait->deferred, ret_promise);
  if (status == napi_ok)
    status = napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL, NULL, on_done, &wait->done);
  /* Waiting alone does not keep node running. */
  return status == napi_ok ? napi_unref_threadsafe_function(env, wait->done) : status;
}

static napi_value lock_freed(napi_env env, napi_callback_info info) {
  napi_value argv[1], promise;
  int fd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "lockFreed: fd", &fd))
    return NULL;
  struct wait *wait = calloc(1, sizeof(*wait));
  if (wait == NULL)
    return rkt_throw_errno(env, ENOMEM, NULL, "waiting for the lock of descriptor %d", fd);
  wait->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (wait->fd < 0) {
    int error = errno;
    free(wait);
    return rkt_throw_errno(env, error, "fcntl", "duplicating descriptor %d", fd);
  }
  if (prepare(env, wait, &promise) != napi_ok) {
    close(wait->fd);
    free(wait);
    return rkt_throw_napi(env);
  }
  struct rkt_error err;
  pthread_t thread;
  if (rkt_thread_start(&thread, wait_for_lock, wait, &err) < 0) {
    napi_release_threadsafe_function(wait->done, napi_tsfn_abort);
    close(wait->fd);
    free(wait);
    return rkt_throw(env, &err, "pthread_create");
  }
  pthread_detach(thread);
  return promise;
}

bool rkt_register_lock(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {{"lockFreed", lock_freed}};
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
