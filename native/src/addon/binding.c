/* The addon's entry: every topic puts its functions on the exports. */
#include "binding.h"

/* The macro defines the module's two exported functions without declaring them first. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
NAPI_MODULE_INIT(/* napi_env env, napi_value exports */) {
  static bool (*const topics[])(napi_env, napi_value) = {
      rkt_register_files, rkt_register_netns, rkt_register_sockets, rkt_register_processes, rkt_register_fs,
      rkt_register_hash,  rkt_register_lock,  rkt_register_unpack,
  };
  for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
    if (!topics[i](env, exports))
      return NULL;
  }
  return exports;
}
#pragma GCC diagnostic pop
