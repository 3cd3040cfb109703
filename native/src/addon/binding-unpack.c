/* streamCreate, streamStep, streamEnd, treeCreate, treeRun, treeClose, treeSummarize, syncFilesystem: see native/unpack.ts. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addon/binding-handles.h"
#include "addon/binding-work.h"
#include "addon/tree-batch.h"
#include "addon/tree-summary.h"
#include "addon/unpack-stream.h"
#include "common/cleanup.h"

static const napi_type_tag stream_tag = {0x1c4a7be2d95f4f06, 0xa2e6c3d1907b5e48};
static const napi_type_tag tree_tag = {0x7f2d30c8b1664e9a, 0x8d15e07a4c3bf962};

static void destroy_stream(void *data) { rkt_stream_free(data); }
static void destroy_tree(void *data) { rkt_tree_free(data); }

/* null stands for "none". */
static bool get_optional_string(napi_env env, napi_value value, const char *what, char **ret) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  return type == napi_null || rkt_get_string(env, value, what, ret);
}

static napi_value stream_create(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  cleanup_free char *compression = NULL, *raw = NULL, *content = NULL;
  int32_t copy;
  if (!rkt_get_args(env, info, 4, argv) || !rkt_get_string(env, argv[0], "streamCreate: compression", &compression) ||
      !get_optional_string(env, argv[1], "streamCreate: rawHash", &raw) ||
      !get_optional_string(env, argv[2], "streamCreate: contentHash", &content) ||
      !rkt_get_int32(env, argv[3], "streamCreate: copy", &copy))
    return NULL;
  const struct rkt_stream_options options = {
      .compression = compression, .raw_hash = raw, .content_hash = content, .copy_fd = copy};
  struct rkt_stream *stream;
  struct rkt_error err;
  if (rkt_stream_new(&options, &stream, &err) < 0)
    return rkt_throw(env, &err, NULL);
  return rkt_new_handle(env, stream, destroy_stream, &stream_tag);
}

struct step_work {
  struct rkt_work work;
  struct rkt_handle *handle;
  struct rkt_stream_step step;
};

static int run_step(struct rkt_work *work, struct rkt_error *err) {
  struct step_work *self = (struct step_work *)work;
  return rkt_stream_step(self->handle->data, &self->step, err);
}

/* What was consumed, and what was produced. */
static napi_status resolve_step(napi_env env, struct rkt_work *work, napi_value *ret) {
  const struct rkt_stream_step *step = &((struct step_work *)work)->step;
  const size_t numbers[2] = {step->ret_consumed, step->ret_produced};
  napi_status status = napi_create_array_with_length(env, 2, ret);
  for (uint32_t i = 0; status == napi_ok && i < 2; i++) {
    napi_value number;
    status = napi_create_uint32(env, (uint32_t)numbers[i], &number);
    if (status == napi_ok)
      status = napi_set_element(env, *ret, i, number);
  }
  return status;
}

static void release_step(struct rkt_work *work) { ((struct step_work *)work)->handle->busy = false; }

static napi_value stream_step(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  struct rkt_handle *handle;
  const uint8_t *in, *out;
  size_t in_length, out_length;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_handle(env, argv[0], "streamStep: stream", &stream_tag, &handle) ||
      !rkt_get_bytes(env, argv[1], "streamStep: input", &in, &in_length) ||
      !rkt_get_bytes(env, argv[2], "streamStep: output", &out, &out_length))
    return NULL;
  struct step_work *self = calloc(1, sizeof(*self));
  if (!self)
    return rkt_throw_errno(env, ENOMEM, NULL, "decompressing");
  *self = (struct step_work){
      .work = {.name = "rkt:stream", .run = run_step, .resolve = resolve_step, .release = release_step},
      .handle = handle,
      .step = {.in = in, .in_length = in_length, .out = (uint8_t *)out, .out_capacity = out_length},
  };
  handle->busy = true;
  return rkt_start_work(env, &self->work, argv, 3);
}

static napi_status set_digest(napi_env env, napi_value array, uint32_t index, const uint8_t *digest, int length) {
  napi_value value;
  napi_status status = napi_create_buffer_copy(env, (size_t)length, digest, NULL, &value);
  return status == napi_ok ? napi_set_element(env, array, index, value) : status;
}

static napi_value stream_end(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  struct rkt_handle *handle;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_handle(env, argv[0], "streamEnd: stream", &stream_tag, &handle))
    return NULL;
  struct rkt_error err;
  uint8_t raw[RKT_HASH_MAX_SIZE], content[RKT_HASH_MAX_SIZE];
  int raw_length, content_length;
  if (rkt_stream_end(handle->data, &err) < 0 ||
      rkt_stream_digests(handle->data, raw, &raw_length, content, &content_length, &err) < 0)
    return rkt_throw(env, &err, NULL);
  /* The decompressor's memory is not kept until somebody collects garbage. */
  rkt_stream_free(handle->data);
  handle->data = NULL;
  RKT_NAPI(env, napi_create_array_with_length(env, 2, &result));
  RKT_NAPI(env, set_digest(env, result, 0, raw, raw_length));
  RKT_NAPI(env, set_digest(env, result, 1, content, content_length));
  return result;
}

static napi_value tree_create(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int root;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "treeCreate: root", &root))
    return NULL;
  struct rkt_tree *tree;
  struct rkt_error err;
  if (rkt_tree_new(root, &tree, &err) < 0)
    return rkt_throw(env, &err, NULL);
  return rkt_new_handle(env, tree, destroy_tree, &tree_tag);
}

static napi_value tree_close(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  struct rkt_handle *handle;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_handle(env, argv[0], "treeClose: tree", &tree_tag, &handle))
    return NULL;
  rkt_tree_free(handle->data);
  handle->data = NULL;
  RKT_NAPI(env, napi_get_undefined(env, &result));
  return result;
}

struct batch_work {
  struct rkt_work work;
  struct rkt_handle *handle;
  struct rkt_tree_batch batch;
  size_t at;
};

static int run_batch(struct rkt_work *work, struct rkt_error *err) {
  struct batch_work *self = (struct batch_work *)work;
  return rkt_tree_run(self->handle->data, &self->batch, &self->at, err);
}

static napi_status reject_batch(napi_env env, struct rkt_work *work, napi_value error) {
  napi_value at;
  napi_status status = napi_create_uint32(env, (uint32_t)((struct batch_work *)work)->at, &at);
  return status == napi_ok ? napi_set_named_property(env, error, "at", at) : status;
}

static void release_batch(struct rkt_work *work) { ((struct batch_work *)work)->handle->busy = false; }

static napi_value tree_run(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  struct rkt_handle *handle;
  struct rkt_tree_batch batch;
  uint32_t at;
  if (!rkt_get_args(env, info, 4, argv) || !rkt_get_handle(env, argv[0], "treeRun: tree", &tree_tag, &handle) ||
      !rkt_get_bytes(env, argv[1], "treeRun: records", &batch.records, &batch.length) ||
      !rkt_get_bytes(env, argv[2], "treeRun: content", &batch.content, &batch.content_length) ||
      !rkt_get_uint32(env, argv[3], "treeRun: at", &at))
    return NULL;
  struct batch_work *self = calloc(1, sizeof(*self));
  if (!self)
    return rkt_throw_errno(env, ENOMEM, NULL, "writing files");
  *self = (struct batch_work){
      .work = {.name = "rkt:tree", .run = run_batch, .reject = reject_batch, .release = release_batch},
      .handle = handle,
      .batch = batch,
      .at = at,
  };
  handle->busy = true;
  return rkt_start_work(env, &self->work, argv, 3);
}

static napi_status summary_value(napi_env env, const struct rkt_tree_summary *summary, napi_value *ret) {
  const double numbers[2] = {(double)summary->entries, (double)summary->bytes};
  napi_status status = napi_create_array_with_length(env, 2, ret);
  for (uint32_t i = 0; status == napi_ok && i < 2; i++) {
    napi_value number;
    status = napi_create_double(env, numbers[i], &number);
    if (status == napi_ok)
      status = napi_set_element(env, *ret, i, number);
  }
  return status;
}

static napi_value tree_summarize(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "treeSummarize: path", &path))
    return NULL;
  struct rkt_tree_summary summary;
  struct rkt_error err;
  if (rkt_tree_summarize(path, &summary, &err) < 0)
    return rkt_throw(env, &err, NULL);
  RKT_NAPI(env, summary_value(env, &summary, &result));
  return result;
}

struct summary_work {
  struct rkt_work work;
  char *path;
  struct rkt_tree_summary summary;
};

static int run_summary(struct rkt_work *work, struct rkt_error *err) {
  struct summary_work *self = (struct summary_work *)work;
  return rkt_tree_summarize(self->path, &self->summary, err);
}

static napi_status resolve_summary(napi_env env, struct rkt_work *work, napi_value *ret) {
  return summary_value(env, &((struct summary_work *)work)->summary, ret);
}

static void release_summary(struct rkt_work *work) { free(((struct summary_work *)work)->path); }

static napi_value tree_summarize_later(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "treeSummarizeLater: path", &path))
    return NULL;
  struct summary_work *self = calloc(1, sizeof(*self));
  if (!self)
    return rkt_throw_errno(env, ENOMEM, NULL, "counting files");
  *self = (struct summary_work){
      .work = {.name = "rkt:summary", .run = run_summary, .resolve = resolve_summary, .release = release_summary},
      .path = path,
  };
  path = NULL;
  return rkt_start_work(env, &self->work, NULL, 0);
}

bool rkt_register_unpack(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"streamCreate", stream_create}, {"streamStep", stream_step},         {"streamEnd", stream_end},
      {"treeCreate", tree_create},     {"treeRun", tree_run},               {"treeClose", tree_close},
      {"treeSummarize", tree_summarize}, {"treeSummarizeLater", tree_summarize_later},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
