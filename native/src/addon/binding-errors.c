/* Errors of the kernel and of callers as JavaScript sees them: see binding.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "binding.h"

static napi_status set_string(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  napi_status status = napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return status == napi_ok ? napi_set_named_property(env, object, name, value) : status;
}

napi_status rkt_create_error(napi_env env, const struct rkt_error *err, const char *syscall_name, napi_value *ret) {
  const char *code_name = strerrorname_np(err->errnum);
  napi_value message, code, errnum, error;
  napi_status status = napi_create_string_utf8(env, err->message, NAPI_AUTO_LENGTH, &message);
  if (status == napi_ok)
    status = napi_create_string_utf8(env, code_name == NULL ? "EUNKNOWN" : code_name, NAPI_AUTO_LENGTH, &code);
  if (status == napi_ok)
    status = napi_create_error(env, code, message, &error);
  if (status == napi_ok)
    status = napi_create_int32(env, err->errnum, &errnum);
  if (status == napi_ok)
    status = napi_set_named_property(env, error, "errno", errnum);
  if (status == napi_ok && syscall_name != NULL)
    status = set_string(env, error, "syscall", syscall_name);
  if (status == napi_ok)
    *ret = error;
  return status;
}

napi_value rkt_throw(napi_env env, const struct rkt_error *err, const char *syscall_name) {
  napi_value error;
  if (rkt_create_error(env, err, syscall_name, &error) != napi_ok || napi_throw(env, error) != napi_ok)
    return rkt_throw_napi(env);
  return NULL;
}

napi_value rkt_throw_errno(napi_env env, int errnum, const char *syscall_name, const char *format, ...) {
  char doing[768];
  va_list args;
  va_start(args, format);
  vsnprintf(doing, sizeof(doing), format, args);
  va_end(args);
  struct rkt_error err;
  rkt_fail(&err, errnum, "%s", doing);
  return rkt_throw(env, &err, syscall_name);
}

napi_value rkt_throw_argument(napi_env env, const char *what, const char *expected) {
  char message[256];
  snprintf(message, sizeof(message), "%s must be %s", what, expected);
  if (napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", message) != napi_ok)
    return rkt_throw_napi(env);
  return NULL;
}

napi_value rkt_throw_napi(napi_env env) {
  const napi_extended_error_info *info = NULL;
  const char *reason = "a Node-API call failed";
  if (napi_get_last_error_info(env, &info) == napi_ok && info->error_message != NULL)
    reason = info->error_message;
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) != napi_ok)
    napi_fatal_error("rkt_native", NAPI_AUTO_LENGTH, reason, NAPI_AUTO_LENGTH);
  /* A throw can fail only because the environment is being torn down; nobody is left to tell. */
  if (!pending && napi_throw_error(env, "ERR_NAPI", reason) != napi_ok)
    return NULL;
  return NULL;
}
