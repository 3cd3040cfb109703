#include "addon/binding-handles.h"

#include <errno.h>
#include <stdlib.h>

static void finalize(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  struct rkt_handle *handle = data;
  if (handle->data)
    handle->destroy(handle->data);
  free(handle);
}

napi_value rkt_new_handle(napi_env env, void *data, void (*destroy)(void *data), const napi_type_tag *tag) {
  struct rkt_handle *handle = calloc(1, sizeof(*handle));
  if (!handle) {
    destroy(data);
    return rkt_throw_errno(env, ENOMEM, NULL, "making a handle");
  }
  *handle = (struct rkt_handle){.data = data, .destroy = destroy};
  napi_value result;
  if (napi_create_external(env, handle, finalize, NULL, &result) != napi_ok) {
    finalize(env, handle, NULL);
    return rkt_throw_napi(env);
  }
  RKT_NAPI(env, napi_type_tag_object(env, result, tag));
  return result;
}

bool rkt_get_handle(napi_env env, napi_value value, const char *what, const napi_type_tag *tag,
                    struct rkt_handle **ret) {
  napi_valuetype type;
  bool ours = false;
  void *data = NULL;
  if (napi_typeof(env, value, &type) != napi_ok ||
      (type == napi_external && (napi_check_object_type_tag(env, value, tag, &ours) != napi_ok ||
                                 (ours && napi_get_value_external(env, value, &data) != napi_ok)))) {
    rkt_throw_napi(env);
    return false;
  }
  if (!ours) {
    rkt_throw_argument(env, what, "a handle of its kind");
    return false;
  }
  struct rkt_handle *handle = data;
  if (handle->busy || !handle->data) {
    rkt_throw_errno(env, handle->busy ? EBUSY : EBADF, NULL, "%s", what);
    return false;
  }
  *ret = handle;
  return true;
}
