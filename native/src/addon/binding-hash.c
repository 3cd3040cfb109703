/*
 * hashCreate, hashUpdate, hashFinish: see native/hash.ts. Updates run on libuv's thread pool, one at a time per hash; the
 * buffer and the hash are kept alive until the promise settles. node waits for such work before it tears an environment down.
 */
#include <errno.h>
#include <stdlib.h>

#include "addon/binding.h"
#include "addon/hash.h"
#include "common/cleanup.h"

struct handle {
  struct rkt_hash *hash;
  bool busy;
};

struct update {
  struct handle *handle;
  const uint8_t *bytes;
  size_t length;
  napi_async_work work;
  napi_deferred deferred;
  napi_ref keep_hash, keep_bytes;
  int result;
  struct rkt_error err;
};

static const napi_type_tag tag = {0x6d0b0f0e2f7a4c51, 0x9d5f1c6f7d5e4b3a};

static void free_handle(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct handle *handle = data;
  rkt_hash_free(handle->hash);
  free(handle);
}

static napi_value hash_create(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  cleanup_free char *algorithm = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "hashCreate: algorithm", &algorithm))
    return NULL;
  struct handle *handle = calloc(1, sizeof(*handle));
  if (!handle)
    return rkt_throw_errno(env, ENOMEM, NULL, "hashing with %s", algorithm);
  struct rkt_error err;
  if (rkt_hash_new(algorithm, &handle->hash, &err) < 0) {
    free(handle);
    return rkt_throw(env, &err, NULL);
  }
  if (napi_create_external(env, handle, free_handle, NULL, &result) != napi_ok) {
    free_handle(env, handle, NULL);
    return rkt_throw_napi(env);
  }
  RKT_NAPI(env, napi_type_tag_object(env, result, &tag));
  return result;
}

/* The handle behind a value, if it is one of ours and nothing is under way with it. */
static bool get_handle(napi_env env, napi_value value, const char *what, struct handle **ret) {
  napi_valuetype type;
  bool ours = false;
  void *data = NULL;
  if (napi_typeof(env, value, &type) != napi_ok ||
      (type == napi_external && (napi_check_object_type_tag(env, value, &tag, &ours) != napi_ok ||
                                 (ours && napi_get_value_external(env, value, &data) != napi_ok)))) {
    rkt_throw_napi(env);
    return false;
  }
  if (!ours) {
    rkt_throw_argument(env, what, "a hash");
    return false;
  }
  struct handle *handle = data;
  if (handle->busy) {
    rkt_throw_errno(env, EBUSY, NULL, "%s", what);
    return false;
  }
  *ret = handle;
  return true;
}

static void execute(napi_env env, void *data) {
  (void)env;
  struct update *update = data;
  update->result = rkt_hash_update(update->handle->hash, update->bytes, update->length, &update->err);
}

static void release(napi_env env, struct update *update) {
  update->handle->busy = false;
  if ((update->keep_hash && napi_delete_reference(env, update->keep_hash) != napi_ok) ||
      (update->keep_bytes && napi_delete_reference(env, update->keep_bytes) != napi_ok) ||
      (update->work && napi_delete_async_work(env, update->work) != napi_ok))
    rkt_throw_napi(env);
  free(update);
}

static void complete(napi_env env, napi_status status, void *data) {
  struct update *update = data;
  napi_value value;
  if (status != napi_ok)
    update->result = rkt_fail(&update->err, ECANCELED, "hashing %zu bytes", update->length);
  if (update->result < 0) {
    status = rkt_create_error(env, &update->err, NULL, &value);
    if (status == napi_ok)
      status = napi_reject_deferred(env, update->deferred, value);
  } else {
    status = napi_get_undefined(env, &value);
    if (status == napi_ok)
      status = napi_resolve_deferred(env, update->deferred, value);
  }
  release(env, update);
  if (status != napi_ok)
    rkt_throw_napi(env);
}

static napi_value hash_update(napi_env env, napi_callback_info info) {
  napi_value argv[2], promise, name;
  struct handle *handle;
  const uint8_t *bytes;
  size_t length;
  if (!rkt_get_args(env, info, 2, argv) || !get_handle(env, argv[0], "hashUpdate: hash", &handle) ||
      !rkt_get_bytes(env, argv[1], "hashUpdate: bytes", &bytes, &length))
    return NULL;
  struct update *update = calloc(1, sizeof(*update));
  if (!update)
    return rkt_throw_errno(env, ENOMEM, NULL, "hashing %zu bytes", length);
  *update = (struct update){.handle = handle, .bytes = bytes, .length = length};
  handle->busy = true;
  if (napi_create_reference(env, argv[0], 1, &update->keep_hash) != napi_ok ||
      napi_create_reference(env, argv[1], 1, &update->keep_bytes) != napi_ok ||
      napi_create_string_utf8(env, "rkt:hash", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_async_work(env, NULL, name, execute, complete, update, &update->work) != napi_ok ||
      napi_create_promise(env, &update->deferred, &promise) != napi_ok ||
      napi_queue_async_work(env, update->work) != napi_ok) {
    release(env, update);
    return rkt_throw_napi(env);
  }
  return promise;
}

static napi_value hash_finish(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  struct handle *handle;
  if (!rkt_get_args(env, info, 1, argv) || !get_handle(env, argv[0], "hashFinish: hash", &handle))
    return NULL;
  uint8_t digest[RKT_HASH_MAX_SIZE];
  struct rkt_error err;
  int length = rkt_hash_finish(handle->hash, digest, &err);
  if (length < 0)
    return rkt_throw(env, &err, NULL);
  RKT_NAPI(env, napi_create_buffer_copy(env, (size_t)length, digest, NULL, &result));
  return result;
}

bool rkt_register_hash(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"hashCreate", hash_create}, {"hashUpdate", hash_update}, {"hashFinish", hash_finish}};
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
