/* pidfdOpen, pidfdSignal, getrlimit: see Processes of native/index.ts. watchPidfd is in binding-watch.c. */
#include <errno.h>
#include <math.h>
#include <sys/resource.h>

#include "binding.h"
#include "common/cleanup.h"
#include "pidfd.h"
#include "watch-pidfd.h"

static napi_value pidfd_open_callback(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  int32_t pid;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_int32(env, argv[0], "pidfdOpen: pid", &pid))
    return NULL;
  struct rkt_error err;
  cleanup_close int fd = -1;
  if (rkt_pidfd_open(pid, &fd, &err) < 0)
    return rkt_throw(env, &err, "pidfd_open");
  RKT_NAPI(env, napi_create_int32(env, fd, &result));
  rkt_steal_fd(&fd);
  return result;
}

static napi_value pidfd_signal_callback(napi_env env, napi_callback_info info) {
  napi_value argv[2], result;
  int pidfd;
  int32_t signal_number;
  bool alive;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_fd(env, argv[0], "pidfdSignal: pidfd", &pidfd) ||
      !rkt_get_int32(env, argv[1], "pidfdSignal: signal", &signal_number))
    return NULL;
  struct rkt_error err;
  if (rkt_pidfd_signal(pidfd, signal_number, &alive, &err) < 0)
    return rkt_throw(env, &err, "pidfd_send_signal");
  RKT_NAPI(env, napi_get_boolean(env, alive, &result));
  return result;
}

static napi_status set_limit(napi_env env, napi_value object, const char *name, rlim_t limit) {
  napi_value value;
  napi_status status = napi_create_double(env, limit == RLIM_INFINITY ? INFINITY : (double)limit, &value);
  return status == napi_ok ? napi_set_named_property(env, object, name, value) : status;
}

static napi_value get_limit(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  int32_t resource;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_int32(env, argv[0], "getrlimit: resource", &resource))
    return NULL;
  struct rlimit limit;
  if (getrlimit((__rlimit_resource_t)resource, &limit) < 0)
    return rkt_throw_errno(env, errno, "getrlimit", "reading resource limit %d", resource);
  RKT_NAPI(env, napi_create_object(env, &result));
  RKT_NAPI(env, set_limit(env, result, "soft", limit.rlim_cur));
  RKT_NAPI(env, set_limit(env, result, "hard", limit.rlim_max));
  return result;
}

bool rkt_register_processes(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"pidfdOpen", pidfd_open_callback}, {"pidfdSignal", pidfd_signal_callback}, {"watchPidfd", rkt_watch_pidfd},
      {"getrlimit", get_limit},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
