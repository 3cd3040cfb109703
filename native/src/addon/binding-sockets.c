/* netlinkOpen, netlinkTransact, connectUnix, sendDatagram, peerCredentials, socketInfo: see Sockets of native/index.ts. */
#include <stdlib.h>

#include "binding.h"
#include "common/cleanup.h"
#include "netlink-socket.h"
#include "socket-info.h"
#include "unix-socket.h"

/* A receiver that does not read must not stop the caller's event loop for longer. */
#define DATAGRAM_TIMEOUT_MS 1000

/* Hands a descriptor to JavaScript. */
static napi_value descriptor(napi_env env, int *fd) {
  napi_value result;
  RKT_NAPI(env, napi_create_int32(env, *fd, &result));
  rkt_steal_fd(fd);
  return result;
}

/* Reads { protocol, netns? }; *ret_netns is NULL where it is undefined. */
static bool get_open_options(napi_env env, napi_value options, int32_t *ret_protocol, char **ret_netns) {
  napi_valuetype type;
  napi_value protocol, netns;
  if (napi_typeof(env, options, &type) != napi_ok)
    goto failed;
  if (type != napi_object) {
    rkt_throw_argument(env, "netlinkOpen: options", "an object");
    return false;
  }
  if (napi_get_named_property(env, options, "protocol", &protocol) != napi_ok ||
      napi_get_named_property(env, options, "netns", &netns) != napi_ok || napi_typeof(env, netns, &type) != napi_ok)
    goto failed;
  return rkt_get_int32(env, protocol, "netlinkOpen: options.protocol", ret_protocol) &&
         (type == napi_undefined || rkt_get_string(env, netns, "netlinkOpen: options.netns", ret_netns));

failed:
  rkt_throw_napi(env);
  return false;
}

static napi_value netlink_open(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t protocol;
  cleanup_free char *netns = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !get_open_options(env, argv[0], &protocol, &netns))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  cleanup_close int fd = -1;
  if (rkt_netlink_open(protocol, netns, &fd, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  return descriptor(env, &fd);
}

static napi_value netlink_transact(napi_env env, napi_callback_info info) {
  napi_value argv[4], result;
  int fd;
  const uint8_t *datagram;
  size_t length, answer_length;
  uint32_t acks, timeout_ms;
  if (!rkt_get_args(env, info, 4, argv) || !rkt_get_fd(env, argv[0], "netlinkTransact: fd", &fd) ||
      !rkt_get_bytes(env, argv[1], "netlinkTransact: datagram", &datagram, &length) ||
      !rkt_get_uint32(env, argv[2], "netlinkTransact: acks", &acks) ||
      !rkt_get_uint32(env, argv[3], "netlinkTransact: timeoutMs", &timeout_ms))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  cleanup_free uint8_t *answer = NULL;
  if (rkt_netlink_transact(fd, datagram, length, acks, timeout_ms, &answer, &answer_length, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  RKT_NAPI(env, napi_create_buffer_copy(env, answer_length, answer, NULL, &result));
  return result;
}

static napi_value connect_unix(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  cleanup_free char *path = NULL;
  uint32_t timeout_ms;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_string(env, argv[0], "connectUnix: path", &path) ||
      !rkt_get_uint32(env, argv[1], "connectUnix: timeoutMs", &timeout_ms))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  cleanup_close int fd = -1;
  if (rkt_connect_unix(path, timeout_ms, &fd, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  return descriptor(env, &fd);
}

static napi_value send_datagram(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  cleanup_free char *path = NULL;
  const uint8_t *data;
  size_t length;
  if (!rkt_get_args(env, info, 2, argv) || !rkt_get_string(env, argv[0], "sendDatagram: path", &path) ||
      !rkt_get_bytes(env, argv[1], "sendDatagram: data", &data, &length))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  if (rkt_send_datagram(path, data, length, DATAGRAM_TIMEOUT_MS, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  return NULL;
}

static napi_value peer_credentials(napi_env env, napi_callback_info info) {
  napi_value argv[1], result, pid, uid, gid;
  int fd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "peerCredentials: fd", &fd))
    return NULL;
  struct rkt_error err;
  pid_t peer_pid;
  uid_t peer_uid;
  gid_t peer_gid;
  if (rkt_peer_credentials(fd, &peer_pid, &peer_uid, &peer_gid, &err) < 0)
    return rkt_throw(env, &err, "getsockopt");
  RKT_NAPI(env, napi_create_object(env, &result));
  RKT_NAPI(env, napi_create_int32(env, peer_pid, &pid));
  RKT_NAPI(env, napi_create_uint32(env, peer_uid, &uid));
  RKT_NAPI(env, napi_create_uint32(env, peer_gid, &gid));
  RKT_NAPI(env, napi_set_named_property(env, result, "pid", pid));
  RKT_NAPI(env, napi_set_named_property(env, result, "uid", uid));
  RKT_NAPI(env, napi_set_named_property(env, result, "gid", gid));
  return result;
}

static napi_value socket_info(napi_env env, napi_callback_info info) {
  napi_value argv[1], result;
  int fd;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_fd(env, argv[0], "socketInfo: fd", &fd))
    return NULL;
  struct rkt_error err;
  struct socket_info found;
  if (rkt_socket_info(fd, &found, &err) < 0)
    return rkt_throw(env, &err, "getsockopt");
  napi_value family, type, protocol, listening, address, port;
  RKT_NAPI(env, napi_create_object(env, &result));
  RKT_NAPI(env, napi_create_int32(env, found.family, &family));
  RKT_NAPI(env, napi_create_int32(env, found.type, &type));
  RKT_NAPI(env, napi_create_int32(env, found.protocol, &protocol));
  RKT_NAPI(env, napi_get_boolean(env, found.listening, &listening));
  RKT_NAPI(env, napi_create_string_latin1(env, found.address, NAPI_AUTO_LENGTH, &address));
  RKT_NAPI(env, napi_create_uint32(env, found.port, &port));
  RKT_NAPI(env, napi_set_named_property(env, result, "family", family));
  RKT_NAPI(env, napi_set_named_property(env, result, "type", type));
  RKT_NAPI(env, napi_set_named_property(env, result, "protocol", protocol));
  RKT_NAPI(env, napi_set_named_property(env, result, "listening", listening));
  RKT_NAPI(env, napi_set_named_property(env, result, "address", address));
  RKT_NAPI(env, napi_set_named_property(env, result, "port", port));
  return result;
}

bool rkt_register_sockets(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {
      {"netlinkOpen", netlink_open},
      {"netlinkTransact", netlink_transact},
      {"connectUnix", connect_unix},
      {"sendDatagram", send_datagram},
      {"peerCredentials", peer_credentials},
      {"socketInfo", socket_info},
  };
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
