/*
 * Work on libuv's thread pool that a promise stands for. node waits for such work before it tears an environment down.
 *
 * A topic embeds `struct rkt_work` as the first member of a structure of its own, which it allocates with calloc.
 */
#pragma once

#include "addon/binding.h"

#define RKT_WORK_KEEP_MAX 3

struct rkt_work {
  const char *name; /* of the asynchronous resource, e.g. "rkt:stream" */
  /* In a thread of the pool, without node: follows common/error.h. */
  int (*run)(struct rkt_work *work, struct rkt_error *err);
  /* What the promise resolves to; NULL: undefined. */
  napi_status (*resolve)(napi_env env, struct rkt_work *work, napi_value *ret);
  /* Adds to the error that the promise is rejected with; may be NULL. */
  napi_status (*reject)(napi_env env, struct rkt_work *work, napi_value error);
  /* Undoes what the topic did, in node's thread; the structure itself is freed by others. May be NULL. */
  void (*release)(struct rkt_work *work);

  napi_async_work async;
  napi_deferred deferred;
  napi_ref keep[RKT_WORK_KEEP_MAX];
  int result;
  struct rkt_error err;
};

/*
 * Starts it and returns the promise. `keep` are values that must live until it is done: handles, and buffers whose bytes are
 * used. On failure it is released and freed, an exception is pending, and NULL is returned.
 */
napi_value rkt_start_work(napi_env env, struct rkt_work *work, const napi_value *keep, size_t keep_count);
