/* Structures of C behind values of JavaScript. One is used by one call at a time: `busy` says that work is under way. */
#pragma once

#include "addon/binding.h"

struct rkt_handle {
  void *data;
  bool busy;
  void (*destroy)(void *data);
};

/*
 * Wraps `data`, which `destroy` frees when the value is collected, or here on failure. `tag` tells the kinds of handles apart.
 */
napi_value rkt_new_handle(napi_env env, void *data, void (*destroy)(void *data), const napi_type_tag *tag);

/* The handle in `value`: a TypeError where it is of another kind, EBUSY where work is under way with it. */
bool rkt_get_handle(napi_env env, napi_value value, const char *what, const napi_type_tag *tag, struct rkt_handle **ret);
