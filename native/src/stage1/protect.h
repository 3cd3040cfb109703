/* Paths of the app that are hidden or made read-only, and files that are put into its root filesystem. */
#pragma once

#include "stage1/plan.h"

/*
 * Masks and write-protects what the plan names. What is missing is skipped; a symbolic link in any component is an error,
 * since the thing that should be hidden would then be somewhere else (CVE-2025-31133).
 */
int protect_paths(const struct plan_app *app, int root, int staging, struct rkt_error *err);

/*
 * Makes the plan's files; one that is there already stays as it is. Where the image has something else than a directory on the way
 * to a file, the app does without it, and a debug message says so.
 */
int protect_make_files(const struct plan_app *app, int root, struct rkt_error *err);
