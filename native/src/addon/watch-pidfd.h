/* Waiting for the end of a process on node's event loop. */
#pragma once

#include "binding.h"

/* watchPidfd(pidfd): see Processes of native/index.ts. */
napi_value rkt_watch_pidfd(napi_env env, napi_callback_info info);
