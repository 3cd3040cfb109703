/*
 * watchPidfd: see Processes of native/index.ts.
 *
 * A pidfd is readable once its process has ended, so libuv polls it. The poll handle is unreferenced: waiting alone does not keep
 * node running. The watch polls a duplicate, because libuv polls a descriptor once only, and because the caller may
 * close its own at any time.
 *
 * A watch is shared by the poll handle and the cancel function; whichever is gone last frees it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "binding.h"
#include "watch-pidfd.h"

struct watch {
  uv_poll_t poll;
  napi_env env;
  napi_deferred deferred;
  napi_async_context async;
  napi_async_cleanup_hook_handle hook;
  int fd;
  int users;
  bool settled; /* set before the promise is: its reactions may run at once and call cancel */
  bool closing;
};

static void release(struct watch *watch) {
  if (--watch->users == 0)
    free(watch);
}

static void on_closed(uv_handle_t *handle) {
  struct watch *watch = handle->data;
  close(watch->fd);
  if (watch->hook != NULL && napi_remove_async_cleanup_hook(watch->hook) != napi_ok)
    watch->hook = NULL;
  release(watch);
}

static void stop(struct watch *watch) {
  if (watch->closing)
    return;
  watch->closing = true;
  uv_close((uv_handle_t *)&watch->poll, on_closed);
}

/* The environment ends: the handle has to be closed before its loop is. */
static void at_exit(napi_async_cleanup_hook_handle hook, void *data) {
  struct watch *watch = data;
  watch->hook = hook;
  if (!watch->closing && napi_async_destroy(watch->env, watch->async) != napi_ok)
    rkt_throw_napi(watch->env);
  stop(watch);
}

static napi_status settle(struct watch *watch, bool ended) {
  napi_value value;
  watch->settled = true;
  napi_status status = napi_get_boolean(watch->env, ended, &value);
  return status == napi_ok ? napi_resolve_deferred(watch->env, watch->deferred, value) : status;
}

/* From libuv, outside of any callback of node: a callback scope makes the promise's reactions run. */
static napi_status settle_from_loop(struct watch *watch) {
  napi_handle_scope handles;
  napi_value resource;
  napi_callback_scope scope;
  napi_status status = napi_open_handle_scope(watch->env, &handles);
  if (status != napi_ok)
    return status;
  status = napi_create_object(watch->env, &resource);
  if (status == napi_ok)
    status = napi_open_callback_scope(watch->env, resource, watch->async, &scope);
  if (status == napi_ok) {
    status = settle(watch, true);
    napi_status closed = napi_close_callback_scope(watch->env, scope);
    status = status == napi_ok ? closed : status;
  }
  napi_status closed = napi_close_handle_scope(watch->env, handles);
  return status == napi_ok ? closed : status;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
  (void)status; /* an error of the poll (EBADF) ends the watch as well: there is nothing left to wait for */
  (void)events;
  struct watch *watch = poll->data;
  if (watch->closing)
    return;
  uv_poll_stop(poll);
  if (settle_from_loop(watch) != napi_ok)
    rkt_throw_napi(watch->env);
  if (napi_async_destroy(watch->env, watch->async) != napi_ok)
    rkt_throw_napi(watch->env);
  stop(watch);
}

static napi_value cancel(napi_env env, napi_callback_info info) {
  void *data;
  RKT_NAPI(env, napi_get_cb_info(env, info, NULL, NULL, NULL, &data));
  struct watch *watch = data;
  if (watch->settled || watch->closing)
    return NULL;
  napi_status settled = settle(watch, false);
  napi_status destroyed = napi_async_destroy(env, watch->async);
  stop(watch);
  RKT_NAPI(env, settled);
  RKT_NAPI(env, destroyed);
  return NULL;
}

static void on_cancel_collected(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  release(data);
}

/* Duplicates the descriptor and starts polling; throws on failure. The poll handle owns one use of the watch from here on. */
static bool start(napi_env env, struct watch *watch, int pidfd) {
  uv_loop_t *loop;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  watch->fd = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
  if (watch->fd < 0) {
    rkt_throw_errno(env, errno, "fcntl", "duplicating descriptor %d", pidfd);
    return false;
  }
  int result = uv_poll_init(loop, &watch->poll, watch->fd);
  if (result < 0) {
    close(watch->fd);
    rkt_throw_errno(env, -result, "epoll_ctl", "watching the process of descriptor %d", pidfd);
    return false;
  }
  watch->poll.data = watch;
  watch->users = 1;
  uv_unref((uv_handle_t *)&watch->poll);
  result = uv_poll_start(&watch->poll, UV_READABLE, on_readable);
  if (result < 0) {
    stop(watch);
    rkt_throw_errno(env, -result, "epoll_ctl", "watching the process of descriptor %d", pidfd);
    return false;
  }
  return true;
}

/* Everything of Node-API that a started watch needs; the result is { ended, cancel }. */
static napi_status publish(napi_env env, struct watch *watch, napi_value *ret_result) {
  napi_value name, promise, function;
  napi_status status = napi_create_object(env, ret_result);
  if (status == napi_ok)
    status = napi_create_string_utf8(env, "rkt:watchPidfd", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok)
    status = napi_create_promise(env, &watch->deferred, &promise);
  if (status == napi_ok)
    status = napi_set_named_property(env, *ret_result, "ended", promise);
  if (status == napi_ok)
    status = napi_create_function(env, "cancel", NAPI_AUTO_LENGTH, cancel, watch, &function);
  if (status == napi_ok)
    status = napi_set_named_property(env, *ret_result, "cancel", function);
  if (status == napi_ok)
    status = napi_add_finalizer(env, function, watch, on_cancel_collected, NULL, NULL);
  if (status == napi_ok) {
    watch->users++;
    status = napi_async_init(env, NULL, name, &watch->async);
  }
  if (status == napi_ok)
    status = napi_add_async_cleanup_hook(env, at_exit, watch, &watch->hook);
  return status;
}

napi_value rkt_watch_pidfd(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  int pidfd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "watchPidfd: pidfd", &pidfd))
    return NULL;
  struct watch *watch = calloc(1, sizeof(*watch));
  if (watch == NULL)
    return rkt_throw_errno(env, ENOMEM, NULL, "watching the process of descriptor %d", pidfd);
  watch->env = env;
  if (!start(env, watch, pidfd)) {
    if (watch->users == 0)
      free(watch);
    return NULL;
  }
  if (publish(env, watch, &result) != napi_ok) {
    stop(watch);
    return rkt_throw_napi(env);
  }
  return result;
}
