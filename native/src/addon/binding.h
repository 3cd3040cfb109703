/*
 * What every binding-<topic>.c shares: reading arguments, throwing errors, publishing functions.
 *
 * The getters return true, or throw a TypeError that names the argument and return false; a callback then returns NULL, and
 * node raises the exception. `what` is the name of the function and argument as the user knows them, e.g. "flock: fd".
 */
#pragma once

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

/* Returns NULL from a callback, with an exception pending, unless a Node-API call succeeds. */
#define RKT_NAPI(env, call)          \
  do {                               \
    if ((call) != napi_ok)           \
      return rkt_throw_napi((env));  \
  } while (0)

/* Reads exactly `count` arguments (missing ones are undefined; more are ignored, as JavaScript does). */
bool rkt_get_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv);

/* Numbers must be integers of the type's range: 1.5, NaN or 2**40 are refused, not truncated. */
bool rkt_get_int32(napi_env env, napi_value value, const char *what, int32_t *ret);
bool rkt_get_uint32(napi_env env, napi_value value, const char *what, uint32_t *ret);
/* A descriptor: an int32 that is not negative. */
bool rkt_get_fd(napi_env env, napi_value value, const char *what, int *ret);
bool rkt_get_bool(napi_env env, napi_value value, const char *what, bool *ret);
/* UTF-8, NUL-terminated, malloc'ed; a string with a NUL inside is refused. The caller frees (cleanup_free). */
bool rkt_get_string(napi_env env, napi_value value, const char *what, char **ret);
/* The bytes of a Uint8Array or Buffer, in place: valid as long as the callback runs. */
bool rkt_get_bytes(napi_env env, napi_value value, const char *what, const uint8_t **ret, size_t *ret_length);
/* A function to call back. */
bool rkt_get_function(napi_env env, napi_value value, const char *what, napi_value *ret);

/* Each throws and returns NULL, so that a callback can end with `return rkt_throw…(…)`. */

/* An Error with message, errno (positive), code ("ENOENT") and syscall (left out if NULL). */
napi_value rkt_throw(napi_env env, const struct rkt_error *err, const char *syscall_name);
/* The same from an errno; the reason is appended to the message. */
napi_value rkt_throw_errno(napi_env env, int errnum, const char *syscall_name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A TypeError with code ERR_INVALID_ARG_TYPE: "<what> must be <expected>". */
napi_value rkt_throw_argument(napi_env env, const char *what, const char *expected);
/* Whatever the last Node-API call failed with; leaves a pending exception alone. */
napi_value rkt_throw_napi(napi_env env);

/* The Error of rkt_throw as a value, for rejecting a promise. */
napi_status rkt_create_error(napi_env env, const struct rkt_error *err, const char *syscall_name, napi_value *ret);

struct rkt_method {
  const char *name;
  napi_callback callback;
};

/* Sets the functions on `exports`; false with an exception pending on failure. */
bool rkt_define_methods(napi_env env, napi_value exports, const struct rkt_method *methods, size_t count);

/* One per topic, each in its binding-<topic>.c; false with an exception pending on failure. */
bool rkt_register_files(napi_env env, napi_value exports);
bool rkt_register_netns(napi_env env, napi_value exports);
bool rkt_register_sockets(napi_env env, napi_value exports);
bool rkt_register_processes(napi_env env, napi_value exports);
bool rkt_register_fs(napi_env env, napi_value exports);
bool rkt_register_hash(napi_env env, napi_value exports);
bool rkt_register_lock(napi_env env, napi_value exports);
bool rkt_register_unpack(napi_env env, napi_value exports);
