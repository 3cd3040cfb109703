/* hashCreate, hashUpdate, hashFinish: see native/hash.ts. Updates run on libuv's thread pool, one at a time per hash. */
#include <errno.h>
#include <stdlib.h>

#include "addon/binding-handles.h"
#include "addon/binding-work.h"
#include "addon/hash.h"
#include "common/cleanup.h"

static const napi_type_tag tag = {0x6d0b0f0e2f7a4c51, 0x9d5f1c6f7d5e4b3a};

static void destroy(void *data) { rkt_hash_free(data); }

static napi_value hash_create(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *algorithm = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "hashCreate: algorithm", &algorithm))
    return NULL;
  struct rkt_hash *hash;
  struct rkt_error err;
  if (rkt_hash_new(algorithm, &hash, &err) < 0)
    return rkt_throw(env, &err, NULL);
  return rkt_new_handle(env, hash, destroy, &tag);
}

struct update {
  struct rkt_work work;
  struct rkt_handle *handle;
  const uint8_t *bytes;
  size_t length;
};

static int run_update(struct rkt_work *work, struct rkt_error *err) {
  struct update *self = (struct update *)work;
  return rkt_hash_update(self->handle->data, self->bytes, self->length, err);
}

static void release_update(struct rkt_work *work) { ((struct update *)work)->handle->busy = false; }

static napi_value hash_update(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  struct rkt_handle *handle;
  const uint8_t *bytes;
  size_t length;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_handle(env, argv[0], "hashUpdate: hash", &tag, &handle) ||
      !rkt_get_bytes(env, argv[1], "hashUpdate: bytes", &bytes, &length))
    return NULL;
  struct update *self = calloc(1, sizeof(*self));
  if (!self)
    return rkt_throw_errno(env, ENOMEM, NULL, "hashing %zu bytes", length);
  *self = (struct update){
      .work = {.name = "rkt:hash", .run = run_update, .release = release_update},
      .handle = handle,
      .bytes = bytes,
      .length = length,
  };
  handle->busy = true;
  return rkt_start_work(env, &self->work, argv, 2);
}

static napi_value hash_finish(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  struct rkt_handle *handle;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_handle(env, argv[0], "hashFinish: hash", &tag, &handle))
    return NULL;
  uint8_t digest[RKT_HASH_MAX_SIZE];
  struct rkt_error err;
  int length = rkt_hash_finish(handle->data, digest, &err);
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
