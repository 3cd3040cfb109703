/* Which devices the processes of a cgroup may open, on the unified hierarchy: a program decides about each (Linux 4.15). */
#pragma once

#include "stage1/plan.h"

#define DEVICE_FILTER_MAX 4096u
#define DEVICE_FILTER_INSTRUCTION 8u

/* Loads `filter`, an array of struct bpf_insn, and attaches it to the cgroup `dir` for as long as that exists. */
int device_filter_attach(int dir, const struct plan_bytes *filter, struct rkt_error *err);
