#include "stage1/pod-files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

/* An app's name has up to 255 bytes. */
#define NAME_SIZE 320

/* How often, and how long in between, an app's pid is looked for: a second in all. */
#define LOOKS 500
#define PAUSE_NS 2000000

static int write_file(int dir, const char *name, const char *text) {
  cleanup_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  size_t length = strlen(text);
  if (fd < 0)
    return -errno;
  ssize_t written = write(fd, text, length);
  if (written < 0)
    return -errno;
  return (size_t)written == length ? 0 : -ENOSPC;
}

static int replace(int dir, const char *name, const char *text, struct rkt_error *err) {
  char temporary[NAME_SIZE + 8];
  snprintf(temporary, sizeof(temporary), "%s.new", name);
  int result = write_file(dir, temporary, text);
  if (result == 0 && renameat(dir, temporary, dir, name) < 0)
    result = -errno;
  if (result == 0)
    return 0;
  unlinkat(dir, temporary, 0);
  return rkt_fail(err, -result, "writing %s in the pod's directory", name);
}

static int replace_number(int dir, const char *name, int number, struct rkt_error *err) {
  char text[16];
  snprintf(text, sizeof(text), "%d", number);
  return replace(dir, name, text, err);
}

static int make_directory(int dir, const char *name, struct rkt_error *err) {
  if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
    return rkt_fail(err, errno, "making %s in the pod's directory", name);
  return 0;
}

int pod_files_make_directories(int dir, const struct plan *plan, struct rkt_error *err) {
  int result = make_directory(dir, "status", err);
  if (result == 0)
    result = make_directory(dir, "appsinfo", err);
  for (size_t i = 0; result == 0 && i < plan->apps.count; i++) {
    char name[NAME_SIZE];
    snprintf(name, sizeof(name), "appsinfo/%s", plan_apps(plan)[i].name);
    result = make_directory(dir, name, err);
  }
  return result;
}

int pod_files_write_cgroup(int dir, const struct plan *plan, struct rkt_error *err) {
  return plan->subcgroup == NULL ? 0 : replace(dir, "subcgroup", plan->subcgroup, err);
}

int pod_files_write_pid(int dir, pid_t pid, struct rkt_error *err) { return replace_number(dir, "pid", pid, err); }

int pod_files_write_app_pid(int dir, const struct plan_app *app, pid_t pid, struct rkt_error *err) {
  char name[NAME_SIZE];
  snprintf(name, sizeof(name), "appsinfo/%s/pid", app->name);
  return replace_number(dir, name, pid, err);
}

int pod_files_write_status(int dir, const struct plan_app *app, int code, struct rkt_error *err) {
  char name[NAME_SIZE];
  snprintf(name, sizeof(name), "status/%s", app->name);
  return replace_number(dir, name, code, err);
}

int pod_files_write_restarts(int dir, const struct plan_app *app, uint32_t count, struct rkt_error *err) {
  char name[NAME_SIZE];
  snprintf(name, sizeof(name), "appsinfo/%s/restarts", app->name);
  return replace_number(dir, name, (int)count, err);
}

int pod_files_write_ready(int dir, struct rkt_error *err) {
  cleanup_close int fd = openat(dir, "ready", O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  return fd < 0 ? rkt_fail(err, errno, "writing ready in the pod's directory") : 0;
}

int pod_files_write_limits(int dir, const struct plan_app *app, const struct limits *limits, struct rkt_error *err) {
  if (limits->oom_kills == 0 && limits->refused_forks == 0)
    return 0;
  char name[NAME_SIZE];
  char text[96];
  snprintf(name, sizeof(name), "appsinfo/%s/limits", app->name);
  snprintf(text, sizeof(text), "oom-kills=%" PRIu64 "\nrefused-forks=%" PRIu64 "\n", limits->oom_kills,
           limits->refused_forks);
  return replace(dir, name, text, err);
}

int pod_files_read_pid(int dir, const char *path, pid_t *ret_pid, struct rkt_error *err) {
  cleanup_close int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  char text[16];
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length < 0)
    return rkt_fail(err, errno, "reading %s in the pod's directory", path);
  text[length] = '\0';
  char *end;
  long pid = strtol(text, &end, 10);
  if (pid <= 0 || pid > 0x7fffffff || (*end != '\0' && *end != '\n'))
    return rkt_fail(err, 0, "reading %s in the pod's directory: not a process id", path);
  *ret_pid = (pid_t)pid;
  return 0;
}

int pod_files_read_app_pid(int dir, const char *app, pid_t *ret_pid, struct rkt_error *err) {
  char name[NAME_SIZE];
  snprintf(name, sizeof(name), "appsinfo/%s/pid", app);
  struct timespec pause = {.tv_nsec = PAUSE_NS};
  int result = pod_files_read_pid(dir, name, ret_pid, err);
  for (int look = 1; result == -ENOENT && look < LOOKS; look++) {
    nanosleep(&pause, NULL);
    result = pod_files_read_pid(dir, name, ret_pid, err);
  }
  return result == -ENOENT ? rkt_fail(err, 0, "the app has not been started yet") : result;
}
