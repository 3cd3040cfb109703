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
 * Whether the process is still in the group that /proc names so. Between reading a pid and getting a descriptor of its process
 * it may have ended and the number been given to another.
 */
static bool is_member(pid_t pid, const char *group) {
  char name[64];
  snprintf(name, sizeof(name), "/proc/%d/cgroup", pid);
  cleanup_close int fd = open(name, O_RDONLY | O_CLOEXEC);
  char text[8192];
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length <= 0)
    return false;
  text[length] = '\0';
  return strstr(text, group) != NULL;
}

struct killing {
  struct timespec deadline;
  size_t parents; /* length of what comes before the pod's group in the paths that are visited */
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
  if (process < 0 || !is_member(pid, path + killing->parents))
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
static void kill_at_once(const char *group) {
  char path[PATH_MAX + 16];
  snprintf(path, sizeof(path), "%s/cgroup.kill", group);
  cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  /* Where it cannot be done, the rounds below do it. */
  ssize_t ignored = fd < 0 ? 0 : write(fd, "1", 1);
  (void)ignored;
}

static int get_path(const struct plan_cgroup *cgroup, const char *name, char *path, struct rkt_error *err) {
  int length = snprintf(path, PATH_MAX, "%s%s%s", cgroup->dir, name == NULL ? "" : "/", name == NULL ? "" : name);
  return length >= PATH_MAX ? rkt_fail(err, ENAMETOOLONG, "killing the processes in %s", cgroup->dir) : 0;
}

static int kill_round(const struct plan *plan, const char *name, struct killing *killing, struct rkt_error *err) {
  char path[PATH_MAX];
  for (size_t i = 0; i < plan->cgroups.count; i++) {
    const struct plan_cgroup *cgroup = &plan_cgroups(plan)[i];
    int result = get_path(cgroup, name, path, err);
    if (result < 0)
      return result;
    killing->parents = (size_t)(strrchr(cgroup->dir, '/') - cgroup->dir);
    if (cgroup->v2)
      kill_at_once(path);
    result = visit_tree(path, kill_members, killing);
    if (result < 0)
      return rkt_fail(err, -result, "killing the processes in %s", path);
  }
  return 0;
}

int cgroup_kill_group(const struct plan *plan, const char *name, int timeout_ms, struct rkt_error *err) {
  struct killing killing = {.found = true};
  clock_gettime(CLOCK_MONOTONIC, &killing.deadline);
  killing.deadline.tv_sec += timeout_ms / 1000;
  killing.deadline.tv_nsec += (timeout_ms % 1000) * 1000000L;

  while (killing.found) {
    killing.found = false;
    int result = kill_round(plan, name, &killing, err);
    if (result < 0)
      return result;
    if (killing.found && milliseconds_left(&killing.deadline) == 0)
      return rkt_fail(err, ETIMEDOUT, "killing the processes of the pod");
  }
  return 0;
}

int cgroup_kill(const struct plan *plan, int timeout_ms, struct rkt_error *err) {
  return cgroup_kill_group(plan, NULL, timeout_ms, err);
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
