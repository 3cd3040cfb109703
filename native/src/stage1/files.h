/* Directories and files that are put into the root filesystem of an app. */
#pragma once

#include "stage1/plan.h"

/*
 * Makes the plan's directories, then its files; what of them is there already stays or is replaced as the plan says. Where the
 * image has something else than a directory on the way to one, the app does without it, and a debug message says so.
 */
int files_make(const struct plan_app *app, int root, struct rkt_error *err);
