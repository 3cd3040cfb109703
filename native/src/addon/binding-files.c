/*
 * flock, setCloexec, isTerminal, syncfs, spreadDirectories, renameNoReplace, openTreeReadonly, unmount: see FileHandleExtras and Mounts
 * of native/index.ts.
 */
#include <string.h>
#include <unistd.h>

#include "binding.h"
#include "common/cleanup.h"
#include "file.h"
#include "open-tree.h"
#include "unmount.h"

static napi_value boolean(napi_env env, bool value) {
  napi_value result;
  RKT_NAPI(env, napi_get_boolean(env, value, &result));
  return result;
}

static bool get_operation(napi_env env, napi_value value, enum rkt_lock_operation *ret) {
  static const char *const names[] = {
      [RKT_LOCK_SHARED] = "shared", [RKT_LOCK_EXCLUSIVE] = "exclusive", [RKT_UNLOCK] = "unlock"};
  cleanup_free char *name = NULL;
  if (!rkt_get_string(env, value, "flock: operation", &name))
    return false;
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
    if (strcmp(name, names[i]) == 0) {
      *ret = (enum rkt_lock_operation)i;
      return true;
    }
  }
  rkt_throw_argument(env, "flock: operation", "'shared', 'exclusive' or 'unlock'");
  return false;
}

static napi_value lock(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  int fd;
  enum rkt_lock_operation operation;
  bool nonblocking, held;
  if (!rkt_get_args(env, info, 3, argv) || !rkt_get_fd(env, argv[0], "flock: fd", &fd) ||
      !get_operation(env, argv[1], &operation) || !rkt_get_bool(env, argv[2], "flock: nonblocking", &nonblocking))
    return NULL;
  struct rkt_error err;
  if (rkt_lock(fd, operation, nonblocking, &held, &err) < 0)
    return rkt_throw(env, &err, "flock");
  return boolean(env, held);
}

static napi_value set_cloexec(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  int fd;
  bool on;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_fd(env, argv[0], "setCloexec: fd", &fd) ||
      !rkt_get_bool(env, argv[1], "setCloexec: on", &on))
    return NULL;
  struct rkt_error err;
  if (rkt_set_cloexec(fd, on, &err) < 0)
    return rkt_throw(env, &err, "fcntl");
  return NULL;
}

static napi_value is_terminal(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "isTerminal: fd", &fd))
    return NULL;
  return boolean(env, isatty(fd) == 1);
}

static napi_value sync_file_system(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int fd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "syncfs: fd", &fd))
    return NULL;
  struct rkt_error err;
  if (rkt_syncfs(fd, &err) < 0)
    return rkt_throw(env, &err, "syncfs");
  return NULL;
}

static napi_value spread_directories(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "spreadDirectories: path", &path))
    return NULL;
  struct rkt_error err;
  bool done;
  if (rkt_spread_directories(path, &done, &err) < 0)
    return rkt_throw(env, &err, "open");
  return boolean(env, done);
}

static napi_value rename_noreplace(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  cleanup_free char *from = NULL;
  cleanup_free char *to = NULL;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_string(env, argv[0], "renameNoReplace: from", &from) ||
      !rkt_get_string(env, argv[1], "renameNoReplace: to", &to))
    return NULL;
  struct rkt_error err;
  if (rkt_rename_noreplace(from, to, &err) < 0)
    return rkt_throw(env, &err, "renameat2");
  return NULL;
}

static napi_value open_tree_readonly(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "openTreeReadonly: path", &path))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  cleanup_close int fd = -1;
  if (rkt_open_tree_readonly(path, &fd, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  RKT_NAPI(env, napi_create_int32(env, fd, &result));
  rkt_steal_fd(&fd);
  return result;
}

static napi_value unmount(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "unmount: path", &path))
    return NULL;
  struct rkt_error err;
  bool unmounted;
  if (rkt_unmount(path, &unmounted, &err) < 0)
    return rkt_throw(env, &err, "umount2");
  return boolean(env, unmounted);
}

bool rkt_register_files(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"flock", lock},
      {"setCloexec", set_cloexec},
      {"isTerminal", is_terminal},
      {"syncfs", sync_file_system},
      {"spreadDirectories", spread_directories},
      {"renameNoReplace", rename_noreplace},
      {"openTreeReadonly", open_tree_readonly},
      {"unmount", unmount},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
