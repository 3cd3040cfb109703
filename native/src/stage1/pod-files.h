/* What stage1 writes into the pod's directory. Every file appears whole or not at all. */
#pragma once

#include <sys/types.h>

#include "stage1/limits.h"
#include "stage1/plan.h"

/* Makes `status/` and `appsinfo/<app>/` where missing. */
int pod_files_make_directories(int dir, const struct plan *plan, struct rkt_error *err);

/* `subcgroup`: the name of the pod's cgroup. Nothing where the plan has none. */
int pod_files_write_cgroup(int dir, const struct plan *plan, struct rkt_error *err);

/* `pid`: host PID of the pod's init. */
int pod_files_write_pid(int dir, pid_t pid, struct rkt_error *err);

/* `appsinfo/<app>/pid`: host PID of the app's main process. */
int pod_files_write_app_pid(int dir, const struct plan_app *app, pid_t pid, struct rkt_error *err);

/* `status/<app>`: exit code. */
int pod_files_write_status(int dir, const struct plan_app *app, int code, struct rkt_error *err);

/* `appsinfo/<app>/restarts`: how often the app was started again. */
int pod_files_write_restarts(int dir, const struct plan_app *app, uint32_t count, struct rkt_error *err);

/* `ready`: an empty file. */
int pod_files_write_ready(int dir, struct rkt_error *err);

/* `appsinfo/<app>/limits`: how often the app ran into its limits. Nothing where it never did. */
int pod_files_write_limits(int dir, const struct plan_app *app, const struct limits *limits, struct rkt_error *err);

/* A positive decimal number read from `path` below `dir`, as a process id. */
int pod_files_read_pid(int dir, const char *path, pid_t *ret_pid, struct rkt_error *err);

/*
 * The one in `appsinfo/<app>/pid`. It is written a moment after the app was executed, and whoever has seen a word of the app may be
 * faster than that; so it is waited for a little.
 */
int pod_files_read_app_pid(int dir, const char *app, pid_t *ret_pid, struct rkt_error *err);
