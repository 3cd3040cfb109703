/* How often an app ran into its limits, as the kernel has counted in its control groups. */
#pragma once

#include <stdint.h>

#include "stage1/plan.h"

struct limits {
  uint64_t oom_kills;     /* processes killed for want of memory */
  uint64_t refused_forks; /* processes and threads that could not be made */
};

/* What has been counted so far; what cannot be read counts as nothing. */
struct limits limits_read(const struct plan *plan, const struct plan_app *app);
