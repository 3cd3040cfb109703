/* Values in and out for fs.c. Paths are strings (UTF-8) or Uint8Arrays (any bytes but NUL). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "addon/binding.h"
#include "addon/binding-work.h"
#include "addon/fs.h"
#include "common/cleanup.h"

static bool get_path(napi_env env, napi_value value, const char *what, char **ret) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  if (type == napi_string)
    return rkt_get_string(env, value, what, ret);
  const uint8_t *bytes;
  size_t length;
  if (!rkt_get_bytes(env, value, what, &bytes, &length))
    return false;
  if (length > 0 && memchr(bytes, 0, length)) {
    rkt_throw_argument(env, what, "free of NUL");
    return false;
  }
  char *path = malloc(length + 1);
  if (!path) {
    rkt_throw_errno(env, ENOMEM, NULL, "%s", what);
    return false;
  }
  if (length > 0)
    memcpy(path, bytes, length);
  path[length] = '\0';
  *ret = path;
  return true;
}

/* null and undefined stand for "the descriptor itself". */
static bool get_optional_path(napi_env env, napi_value value, const char *what, char **ret) {
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok) {
    rkt_throw_napi(env);
    return false;
  }
  return type == napi_null || type == napi_undefined || get_path(env, value, what, ret);
}

static bool get_int64(napi_env env, napi_value value, const char *what, int64_t *ret) {
  if (napi_get_value_int64(env, value, ret) == napi_ok)
    return true;
  rkt_throw_argument(env, what, "an integer");
  return false;
}

static napi_value undefined(napi_env env) {
  napi_value result;
  RKT_NAPI(env, napi_get_undefined(env, &result));
  return result;
}

static napi_value descriptor(napi_env env, int fd) {
  napi_value result;
  if (napi_create_int32(env, fd, &result) == napi_ok)
    return result;
  close(fd);
  return rkt_throw_napi(env);
}

static napi_value open_beneath(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int dirfd;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_fd(env, argv[0], "openDirectory: dirfd", &dirfd) ||
      !get_path(env, argv[1], "openDirectory: path", &path))
    return NULL;
  struct rkt_error err;
  int fd = rkt_fs_open_beneath(dirfd, path, O_RDONLY | O_DIRECTORY, &err);
  return fd < 0 ? rkt_throw(env, &err, "openat2") : descriptor(env, fd);
}

static napi_value open_in_root(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  cleanup_free char *root = NULL, *path = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !get_path(env, argv[0], "openInRoot: root", &root) ||
      !get_path(env, argv[1], "openInRoot: path", &path))
    return NULL;
  struct rkt_error err;
  int fd = rkt_fs_open_in_root(root, path, &err);
  return fd < 0 ? rkt_throw(env, &err, "openat2") : descriptor(env, fd);
}

static napi_value make_directory(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int dirfd;
  uint32_t mode;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_fd(env, argv[0], "makeDirectory: dirfd", &dirfd) ||
      !get_path(env, argv[1], "makeDirectory: path", &path) ||
      !rkt_get_uint32(env, argv[2], "makeDirectory: mode", &mode))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_make_directory(dirfd, path, mode, &err) < 0)
    return rkt_throw(env, &err, "mkdirat");
  return undefined(env);
}

static napi_value make_symlink(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int dirfd;
  cleanup_free char *path = NULL, *target = NULL;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_fd(env, argv[0], "makeSymlink: dirfd", &dirfd) ||
      !get_path(env, argv[1], "makeSymlink: path", &path) || !get_path(env, argv[2], "makeSymlink: target", &target))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_make_symlink(dirfd, path, target, &err) < 0)
    return rkt_throw(env, &err, "symlinkat");
  return undefined(env);
}

static napi_value make_hardlink(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int dirfd;
  cleanup_free char *path = NULL, *existing = NULL;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_fd(env, argv[0], "makeHardlink: dirfd", &dirfd) ||
      !get_path(env, argv[1], "makeHardlink: path", &path) ||
      !get_path(env, argv[2], "makeHardlink: existing", &existing))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_make_hardlink(dirfd, path, existing, &err) < 0)
    return rkt_throw(env, &err, "linkat");
  return undefined(env);
}

static napi_value make_node(napi_env env, napi_callback_info info) {
  napi_value argv[5];
  int dirfd;
  uint32_t mode, major, minor;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 5, argv) || !rkt_get_fd(env, argv[0], "makeNode: dirfd", &dirfd) ||
      !get_path(env, argv[1], "makeNode: path", &path) || !rkt_get_uint32(env, argv[2], "makeNode: mode", &mode) ||
      !rkt_get_uint32(env, argv[3], "makeNode: major", &major) ||
      !rkt_get_uint32(env, argv[4], "makeNode: minor", &minor))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_make_node(dirfd, path, mode, major, minor, &err) < 0)
    return rkt_throw(env, &err, "mknodat");
  return undefined(env);
}

static napi_value create_file(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int dirfd;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_fd(env, argv[0], "createFile: dirfd", &dirfd) ||
      !get_path(env, argv[1], "createFile: path", &path))
    return NULL;
  struct rkt_error err;
  int fd = rkt_fs_create_file(dirfd, path, &err);
  return fd < 0 ? rkt_throw(env, &err, "openat") : descriptor(env, fd);
}

/* Five values in a row: uid, gid, mode, seconds, nanoseconds. */
static bool get_attributes(napi_env env, const napi_value *argv, struct rkt_fs_attributes *ret) {
  uint32_t uid, gid, mode;
  if (!rkt_get_uint32(env, argv[0], "uid", &uid) || !rkt_get_uint32(env, argv[1], "gid", &gid) ||
      !rkt_get_uint32(env, argv[2], "mode", &mode) || !get_int64(env, argv[3], "mtime.sec", &ret->mtime_sec) ||
      !get_int64(env, argv[4], "mtime.nsec", &ret->mtime_nsec))
    return false;
  /* -1 means "leave it" to chown(2): a file would silently stay root's. */
  if (uid == UINT32_MAX || gid == UINT32_MAX) {
    rkt_throw_argument(env, "setAttributes: uid and gid", "below 2^32 - 1");
    return false;
  }
  ret->uid = uid;
  ret->gid = gid;
  ret->mode = mode;
  return true;
}

static napi_value remove_entry(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int dirfd;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_fd(env, argv[0], "removeEntry: dirfd", &dirfd) ||
      !get_path(env, argv[1], "removeEntry: path", &path))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_remove_entry(dirfd, path, &err) < 0)
    return rkt_throw(env, &err, "unlinkat");
  return undefined(env);
}

static napi_value copy_entry(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int dirfd;
  cleanup_free char *source = NULL, *path = NULL;
  if (!rkt_get_args(env, info, 3, argv) || !get_path(env, argv[0], "copyEntry: source", &source) ||
      !rkt_get_fd(env, argv[1], "copyEntry: dirfd", &dirfd) || !get_path(env, argv[2], "copyEntry: path", &path))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_copy_entry(source, dirfd, path, &err) < 0)
    return rkt_throw(env, &err, NULL);
  return undefined(env);
}

static napi_value set_attributes(napi_env env, napi_callback_info info) {
  napi_value argv[7];
  int dirfd;
  struct rkt_fs_attributes attributes;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 7, argv) || !rkt_get_fd(env, argv[0], "setAttributes: dirfd", &dirfd) ||
      !get_optional_path(env, argv[1], "setAttributes: path", &path) ||
      !get_attributes(env, argv + 2, &attributes))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_set_attributes(dirfd, path, &attributes, &err) < 0)
    return rkt_throw(env, &err, NULL);
  return undefined(env);
}

static napi_value set_xattr(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  int dirfd;
  const uint8_t *value;
  size_t length;
  cleanup_free char *path = NULL, *name = NULL;
  if (!rkt_get_args(env, info, 4, argv) || !rkt_get_fd(env, argv[0], "setXattr: dirfd", &dirfd) ||
      !get_optional_path(env, argv[1], "setXattr: path", &path) ||
      !rkt_get_string(env, argv[2], "setXattr: name", &name) ||
      !rkt_get_bytes(env, argv[3], "setXattr: value", &value, &length))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_set_xattr(dirfd, path, name, value, length, &err) < 0)
    return rkt_throw(env, &err, "setxattr");
  return undefined(env);
}

static napi_value list_xattrs(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL, *names = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !get_path(env, argv[0], "listXattrs: path", &path))
    return NULL;
  size_t length;
  struct rkt_error err;
  if (rkt_fs_list_xattrs(path, &names, &length, &err) < 0)
    return rkt_throw(env, &err, "llistxattr");
  napi_value result;
  RKT_NAPI(env, napi_create_array(env, &result));
  uint32_t index = 0;
  for (size_t at = 0; at < length; at += strlen(names + at) + 1) {
    napi_value name;
    RKT_NAPI(env, napi_create_string_utf8(env, names + at, NAPI_AUTO_LENGTH, &name));
    RKT_NAPI(env, napi_set_element(env, result, index++, name));
  }
  return result;
}

static napi_value get_xattr(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  cleanup_free char *path = NULL, *name = NULL;
  cleanup_free void *value = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !get_path(env, argv[0], "getXattr: path", &path) ||
      !rkt_get_string(env, argv[1], "getXattr: name", &name))
    return NULL;
  size_t length;
  struct rkt_error err;
  if (rkt_fs_get_xattr(path, name, &value, &length, &err) < 0)
    return rkt_throw(env, &err, "lgetxattr");
  napi_value result;
  RKT_NAPI(env, napi_create_buffer_copy(env, length, value, NULL, &result));
  return result;
}

static napi_value supports(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  cleanup_free char *type = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "supportsFilesystem: type", &type))
    return NULL;
  struct rkt_error err;
  int there = rkt_fs_supports(type, &err);
  if (there < 0)
    return rkt_throw(env, &err, "fsopen");
  RKT_NAPI(env, napi_get_boolean(env, there == 1, &result));
  return result;
}

static napi_value remove_tree(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !get_path(env, argv[0], "removeTree: path", &path))
    return NULL;
  struct rkt_error err;
  if (rkt_fs_remove_tree(path, &err) < 0)
    return rkt_throw(env, &err, "unlinkat");
  return undefined(env);
}

struct removal_work {
  struct rkt_work work;
  char *path;
};

static int run_removal(struct rkt_work *work, struct rkt_error *err) {
  return rkt_fs_remove_tree(((struct removal_work *)work)->path, err);
}

static void release_removal(struct rkt_work *work) { free(((struct removal_work *)work)->path); }

static napi_value remove_tree_later(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !get_path(env, argv[0], "removeTreeLater: path", &path))
    return NULL;
  struct removal_work *self = calloc(1, sizeof(*self));
  if (!self)
    return rkt_throw_errno(env, ENOMEM, NULL, "removing files");
  *self = (struct removal_work){
      .work = {.name = "rkt:removal", .run = run_removal, .release = release_removal},
      .path = path,
  };
  path = NULL;
  return rkt_start_work(env, &self->work, NULL, 0);
}

bool rkt_register_fs(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"fsOpenDirectory", open_beneath},   {"fsOpenInRoot", open_in_root},     {"fsMakeDirectory", make_directory},
      {"fsMakeSymlink", make_symlink},     {"fsMakeHardlink", make_hardlink},  {"fsMakeNode", make_node},
      {"fsCreateFile", create_file},       {"fsSetAttributes", set_attributes}, {"fsSetXattr", set_xattr},
      {"fsListXattrs", list_xattrs},       {"fsGetXattr", get_xattr},          {"fsRemoveTree", remove_tree},
      {"fsRemoveEntry", remove_entry},     {"fsCopyEntry", copy_entry},        {"fsSupports", supports},
      {"fsRemoveTreeLater", remove_tree_later},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
