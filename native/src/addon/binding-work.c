#include "addon/binding-work.h"

#include <errno.h>
#include <stdlib.h>

static void execute(napi_env env, void *data) {
  (void)env;
  struct rkt_work *work = data;
  work->result = work->run(work, &work->err);
}

/* Ends it. Returns the first failure of node's, so that it is not overlooked. */
static napi_status finish(napi_env env, struct rkt_work *work) {
  napi_status status = napi_ok;
  if (work->release)
    work->release(work);
  for (size_t i = 0; i < RKT_WORK_KEEP_MAX; i++) {
    napi_status deleted = work->keep[i] ? napi_delete_reference(env, work->keep[i]) : napi_ok;
    if (status == napi_ok)
      status = deleted;
  }
  napi_status deleted = work->async ? napi_delete_async_work(env, work->async) : napi_ok;
  if (status == napi_ok)
    status = deleted;
  free(work);
  return status;
}

static napi_status settle(napi_env env, struct rkt_work *work) {
  napi_value value;
  napi_status status;
  if (work->result >= 0) {
    status = work->resolve ? work->resolve(env, work, &value) : napi_get_undefined(env, &value);
    return status == napi_ok ? napi_resolve_deferred(env, work->deferred, value) : status;
  }
  status = rkt_create_error(env, &work->err, NULL, &value);
  if (status == napi_ok && work->reject)
    status = work->reject(env, work, value);
  return status == napi_ok ? napi_reject_deferred(env, work->deferred, value) : status;
}

static void complete(napi_env env, napi_status status, void *data) {
  struct rkt_work *work = data;
  if (status != napi_ok)
    work->result = rkt_fail(&work->err, ECANCELED, "%s", work->name);
  napi_status settled = settle(env, work);
  napi_status finished = finish(env, work);
  if (settled != napi_ok || finished != napi_ok)
    rkt_throw_napi(env);
}

napi_value rkt_start_work(napi_env env, struct rkt_work *work, const napi_value *keep, size_t keep_count) {
  napi_value name, promise;
  napi_status status = napi_create_string_utf8(env, work->name, NAPI_AUTO_LENGTH, &name);
  for (size_t i = 0; status == napi_ok && i < keep_count && i < RKT_WORK_KEEP_MAX; i++)
    status = napi_create_reference(env, keep[i], 1, &work->keep[i]);
  if (status == napi_ok)
    status = napi_create_async_work(env, NULL, name, execute, complete, work, &work->async);
  if (status == napi_ok)
    status = napi_create_promise(env, &work->deferred, &promise);
  if (status == napi_ok)
    status = napi_queue_async_work(env, work->async);
  if (status == napi_ok)
    return promise;
  rkt_throw_napi(env);
  finish(env, work);
  return NULL;
}
