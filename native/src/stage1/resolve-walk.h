/* Resolution without openat2(2), for kernels before 5.6 and filters that hide the call. See resolve.h. */
#pragma once

#include <stdbool.h>

/* As resolve_beneath. */
int resolve_walk(int root, const char *path, bool follow);
