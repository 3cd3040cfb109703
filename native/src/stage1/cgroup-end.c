/* The end of control groups: killing what is left in them, and their removal. */
#include "stage1/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"

#define OPEN_DIR (O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
/* A group whose last process has just gone stays busy for a moment. */
#define REMOVE_ATTEMPTS 50
#define REMOVE_PAUSE_NS 2000000

static void close_directory(DIR **directory) {
  if (*directory != NULL)
    closedir(*directory);
}
#define cleanup_directory __attribute__((cleanup(close_directory)))

/* The directories in `path`, one by one; NULL at the end. */
static const char *next_directory(DIR *directory) {
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
    if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      return entry->d_name;
  return NULL;
}

/* Calls `visit` for every group below `path`, and then for `path`. A missing group is no error. */
static int visit_tree(const char *path, int (*visit)(const char *path, void *data), void *data) {
  cleanup_directory DIR *directory = opendir(path);
  if (directory == NULL)
    return errno == ENOENT ? 0 : -errno;
  int result = 0;
  for (const char *name; result == 0 && (name = next_directory(directory)) != NULL;) {
    char child[PATH_MAX];
    int length = snprintf(child, sizeof(child), "%s/%s", path, name);
    result = length < 0 || (size_t)length >= sizeof(child) ? -ENAMETOOLONG : visit_tree(child, visit, data);
  }
  return result < 0 ? result : visit(path, data);
}

/*
 * Whether the process is in a group of that name still. Between reading a pid and getting a descriptor of its process it
 * may have ended and the number been given to another.
 */
static bool is_member(pid_t pid, const char *path) {
  char name[64];
  snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
  cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
  char text[8192];
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length <= 0)
    return false;
  text[length] = '\0';
  const char *suffix = strrchr(path, '/');
  return strstr(text, suffix) != NULL;
}

struct killing {
  struct timespec deadline;
  bool found;
};

static int milliseconds_left(const struct timespec *deadline) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  long left = (deadline->tv_sec - now.tv_sec) * 1000 + (deadline->tv_nsec - now.tv_nsec) / 1000000;
  return left < 0 ? 0 : (int)left;
}

static int kill_one(pid_t pid, const char *path, struct killing *killing) {
  cleanup_close int process = pidfd_open(pid, 0);
  if (process < 0 || !is_member(pid, path))
    return 0;
  killing->found = true;
  if (pidfd_send_signal(process, SIGKILL, NULL, 0) < 0 && errno != ESRCH)
    return -errno;
  struct pollfd wait = {.fd = process, .events = POLLIN};
  return poll(&wait, 1, milliseconds_left(&killing->deadline)) == 0 ? -ETIMEDOUT : 0;
}

static int kill_members(const char *path, void *data) {
  struct killing *killing = data;
  char name[PATH_MAX + 16];
  snprintf(name, sizeof(name), "%s/cgroup.procs", path);
  cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
  char text[4096];
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length < 0)
    return errno == ENOENT ? 0 : -errno;
  text[length] = '\0';
  int result = 0;
  for (char *at = text, *end; result == 0; at = end) {
    long pid = strtol(at, &end, 10);
    /* The last number may have been cut off; the next round reads it again. */
    if (end == at || *end != '\n')
      break;
    if (pid > 0)
      result = kill_one((pid_t)pid, path, killing);
  }
  return result;
}

/* Linux 5.14; fork bombs cannot outrun it. */
static void kill_at_once(const struct plan_cgroup *cgroup) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof(path), "%s/cgroup.kill", cgroup->dir);
  cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  /* Where it cannot be done, the rounds below do it. */
  ssize_t ignored = fd < 0 ? 0 : write(fd, "1", 1);
  (void)ignored;
}

int cgroup_kill(const struct plan *plan, int timeout_ms, struct rkt_error *err) {
  struct killing killing = {.found = true};
  clock_gettime(CLOCK_MONOTONIC, &killing.deadline);
  killing.deadline.tv_sec += timeout_ms / 1000;
  killing.deadline.tv_nsec += (timeout_ms % 1000) * 1000000L;

  for (size_t i = 0; i < plan->cgroups.count; i++)
    if (plan_cgroups(plan)[i].v2)
      kill_at_once(&plan_cgroups(plan)[i]);
  while (killing.found) {
    killing.found = false;
    for (size_t i = 0; i < plan->cgroups.count; i++) {
      int result = visit_tree(plan_cgroups(plan)[i].dir, kill_members, &killing);
      if (result < 0)
        return rkt_fail(err, -result, "killing the processes in %s", plan_cgroups(plan)[i].dir);
    }
    if (killing.found && milliseconds_left(&killing.deadline) == 0)
      return rkt_fail(err, ETIMEDOUT, "killing the processes of the pod");
  }
  return 0;
}

static int remove_group(const char *path, void *data) {
  (void)data;
  for (int attempt = 0;; attempt++) {
    if (rmdir(path) == 0 || errno == ENOENT)
      return 0;
    if (errno != EBUSY || attempt == REMOVE_ATTEMPTS)
      return -errno;
    struct timespec pause = {.tv_nsec = REMOVE_PAUSE_NS};
    nanosleep(&pause, NULL);
  }
}

int cgroup_remove(const struct plan *plan, struct rkt_error *err) {
  int failed = 0;
  for (size_t i = 0; i < plan->cgroups.count; i++) {
    int result = visit_tree(plan_cgroups(plan)[i].dir, remove_group, NULL);
    if (result < 0)
      failed = rkt_fail(err, -result, "removing the cgroup %s", plan_cgroups(plan)[i].dir);
  }
  return failed;
}
