/* Reading arguments and publishing functions: see binding.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "binding.h"

bool rkt_get_args(napi_env env, napi_callback_info info, size_t count, napi_value *argv) {
  size_t given = count;
  if (napi_get_cb_info(env, info, &given, argv, NULL, NULL) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  return true;
}

/* An integer within [min, max]. A double holds every 32-bit integer exactly. */
static bool get_integer(napi_env env, napi_value value, const char *what, const char *expected, double min, double max,
                        double *ret) {
  double number;
  napi_status status = napi_get_value_double(env, value, &number);
  if (status == napi_number_expected || (status == napi_ok && !(number >= min && number <= max && trunc(number) == number))) {
    rkt_throw_argument(env, what, expected);
    return false;
  }
  if (status != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  *ret = number;
  return true;
}

bool rkt_get_int32(napi_env env, napi_value value, const char *what, int32_t *ret) {
  double number;
  if (!get_integer(env, value, what, "a 32-bit integer", INT32_MIN, INT32_MAX, &number))
    return false;
  *ret = (int32_t)number;
  return true;
}

bool rkt_get_uint32(napi_env env, napi_value value, const char *what, uint32_t *ret) {
  double number;
  if (!get_integer(env, value, what, "an unsigned 32-bit integer", 0, UINT32_MAX, &number))
    return false;
  *ret = (uint32_t)number;
  return true;
}

bool rkt_get_fd(napi_env env, napi_value value, const char *what, int *ret) {
  double number;
  if (!get_integer(env, value, what, "a file descriptor", 0, INT32_MAX, &number))
    return false;
  *ret = (int)number;
  return true;
}

bool rkt_get_bool(napi_env env, napi_value value, const char *what, bool *ret) {
  napi_status status = napi_get_value_bool(env, value, ret);
  if (status == napi_ok)
    return true;
  if (status == napi_boolean_expected)
    rkt_throw_argument(env, what, "a boolean");
  else
    rkt_throw_napi(env);
  return false;
}

bool rkt_get_string(napi_env env, napi_value value, const char *what, char **ret) {
  size_t length;
  napi_status status = napi_get_value_string_utf8(env, value, NULL, 0, &length);
  if (status == napi_string_expected) {
    rkt_throw_argument(env, what, "a string");
    return false;
  }
  char *text = status == napi_ok ? malloc(length + 1) : NULL;
  if (text == NULL || napi_get_value_string_utf8(env, value, text, length + 1, &length) != napi_ok) {
    free(text);
    rkt_throw_napi(env);
    return false;
  }
  if (memchr(text, 0, length) != NULL) {
    free(text);
    rkt_throw_argument(env, what, "a string without NUL");
    return false;
  }
  *ret = text;
  return true;
}

bool rkt_get_bytes(napi_env env, napi_value value, const char *what, const uint8_t **ret, size_t *ret_length) {
  bool is_array = false;
  if (napi_is_typedarray(env, value, &is_array) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  napi_typedarray_type type = napi_int8_array;
  void *data = NULL;
  size_t length = 0;
  if (is_array && napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  if (!is_array || type != napi_uint8_array) {
    rkt_throw_argument(env, what, "a Uint8Array");
    return false;
  }
  *ret = data;
  *ret_length = length;
  return true;
}

bool rkt_get_function(napi_env env, napi_value value, const char *what, napi_value *ret) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  if (type != napi_function) {
    rkt_throw_argument(env, what, "a function");
    return false;
  }
  *ret = value;
  return true;
}

bool rkt_define_methods(napi_env env, napi_value exports, const struct rkt_method *methods, size_t count) {
  for (size_t i = 0; i < count; i++) {
    napi_value function;
    if (napi_create_function(env, methods[i].name, NAPI_AUTO_LENGTH, methods[i].callback, NULL, &function) != napi_ok ||
        napi_set_named_property(env, exports, methods[i].name, function) != napi_ok) {
      rkt_throw_napi(env);
      return false;
    }
  }
  return true;
}
