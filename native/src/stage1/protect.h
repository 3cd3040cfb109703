/* Paths of the app that are hidden or made read-only. */
#pragma once

#include "stage1/plan.h"

/*
 * Masks and write-protects what the plan names. What is missing is skipped; a symbolic link in any component is an error,
 * since the thing that should be hidden would then be somewhere else (CVE-2025-31133).
 */
int protect_paths(const struct plan_app *app, int root, int staging, struct rkt_error *err);
