/* pidfdOpen, pidfdSignal, getrlimit, execute: see Processes of native/index.ts. watchPidfd is in binding-watch.c. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "binding.h"
#include "common/cleanup.h"
#include "execute.h"
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

static void free_strings(char ***strings) {
  for (char **string = *strings; string && *string; string++)
    free(*string);
  free(*strings);
}
#define cleanup_strings __attribute__((cleanup(free_strings)))

/* An array of strings, as a list that ends with NULL. */
static bool get_strings(napi_env env, napi_value value, const char *what, char ***ret) {
  bool is_array;
  uint32_t length;
  if (napi_is_array(env, value, &is_array) != napi_ok || !is_array || napi_get_array_length(env, value, &length) != napi_ok) {
    rkt_throw_argument(env, what, "an array of strings");
    return false;
  }
  cleanup_strings char **strings = calloc((size_t)length + 1, sizeof(*strings));
  if (!strings) {
    rkt_throw_errno(env, ENOMEM, NULL, "%s", what);
    return false;
  }
  for (uint32_t i = 0; i < length; i++) {
    napi_value item;
    if (napi_get_element(env, value, i, &item) != napi_ok) {
      rkt_throw_napi(env);
      return false;
    }
    if (!rkt_get_string(env, item, what, &strings[i]))
      return false;
  }
  *ret = strings;
  strings = NULL;
  return true;
}

static napi_value execute(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  cleanup_free char *file = NULL;
  cleanup_strings char **args = NULL;
  cleanup_strings char **environment = NULL;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_string(env, argv[0], "execute: file", &file) ||
      !get_strings(env, argv[1], "execute: args", &args) ||
      !get_strings(env, argv[2], "execute: environment", &environment))
    return NULL;
  struct rkt_error err;
  rkt_execute(file, args, environment, &err);
  return rkt_throw(env, &err, "execve");
}

bool rkt_register_processes(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"pidfdOpen", pidfd_open_callback}, {"pidfdSignal", pidfd_signal_callback}, {"watchPidfd", rkt_watch_pidfd},
      {"getrlimit", get_limit},           {"execute", execute},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
