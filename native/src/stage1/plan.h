/*
 * The launch plan: everything that was decided about a pod, as `runtime/stage1/plan.ts` encodes it. The format is
 * described in docs/launch-plan.md; the tags below and in `runtime/stage1/plan-tags.ts` are compared by a test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum plan_tag {
  /* pod */
  PLAN_UUID = 1,
  PLAN_HOSTNAME = 2,
  PLAN_POD_DIR = 3,
  PLAN_LOCK_FD = 4,
  PLAN_LEASE_FD = 5,
  PLAN_NETNS = 6,
  PLAN_STOP_TIMEOUT_MS = 7,
  PLAN_CGROUP = 8,
  PLAN_TEARDOWN = 9,
  PLAN_APP = 10,
  PLAN_FLAGS = 11,
  PLAN_SYSCTL = 12,
  PLAN_SUBCGROUP = 13,
  PLAN_READY_FD = 14,
  PLAN_LOG_SIZE = 15,
  PLAN_LOG_FILES = 16,
  PLAN_EPILOGUE = 17,
  PLAN_USERNS = 18,
  /* CGROUP */
  PLAN_CGROUP_DIR = 20,
  PLAN_CGROUP_V2 = 21,
  PLAN_CGROUP_WRITE = 22,
  PLAN_CGROUP_TRY = 110,
  /* USERNS */
  PLAN_USERNS_SHIFT = 25,
  PLAN_USERNS_RANGE = 26,
  /* TEARDOWN */
  PLAN_TEARDOWN_UMOUNT = 31,
  PLAN_TEARDOWN_UNLINK = 32,
  /* APP */
  PLAN_APP_NAME = 40,
  PLAN_ROOT_LOWER = 41,
  PLAN_ROOT_UPPER = 42,
  PLAN_ROOT_WORK = 43,
  PLAN_ROOT_READONLY = 44,
  PLAN_ARG = 45,
  PLAN_ENV = 46,
  PLAN_CWD = 47,
  PLAN_UID = 48,
  PLAN_GID = 49,
  PLAN_SUPPLEMENTARY_GID = 50,
  PLAN_CAPS_BOUNDING = 51,
  PLAN_NO_NEW_PRIVS = 52,
  PLAN_RLIMIT = 53,
  PLAN_MOUNT = 54,
  PLAN_MASK_PATH = 55,
  PLAN_READONLY_PATH = 56,
  PLAN_FILE = 57,
  PLAN_PRE_START = 58,
  PLAN_POST_STOP = 59,
  PLAN_SECCOMP = 60,
  PLAN_OOM_SCORE_ADJ = 61,
  PLAN_UMASK = 62,
  PLAN_ROOT_IN_PLACE = 63,
  PLAN_STDIN = 64,
  PLAN_STDOUT = 65,
  PLAN_STDERR = 66,
  PLAN_RESTART = 67,
  PLAN_RESTART_LIMIT = 68,
  PLAN_NOTIFY = 69,
  PLAN_STOP_SIGNAL = 105,
  PLAN_DIRECTORY = 116,
  PLAN_DEVICE_FILTER = 117,
  PLAN_SOCKET = 90,
  /* SOCKET */
  PLAN_SOCKET_FD = 91,
  PLAN_SOCKET_NAME = 92,
  PLAN_SOCKET_OPEN = 94,
  PLAN_SOCKET_PORT = 95,
  /* MOUNT */
  PLAN_MOUNT_SOURCE = 70,
  PLAN_MOUNT_TARGET = 71,
  PLAN_MOUNT_FLAGS = 72,
  /* FILE */
  PLAN_FILE_PATH = 80,
  PLAN_FILE_MODE = 81,
  PLAN_FILE_DATA = 82,
  PLAN_FILE_REPLACE = 115,
  /* pod, continued */
  PLAN_NETFILTER = 121,
  /* APP, continued */
  PLAN_INTERACTIVE = 120,
  /* pod, again */
  PLAN_STAGE1 = 124,
  /* USERNS, again */
  PLAN_USERNS_PATH = 125,
  /* pod, once more */
  PLAN_READY_TIMEOUT_MS = 93,
  /* CGROUP, again */
  PLAN_CGROUP_COUNTERS = 130,
};

/* Above all of them; where one is not, plan.c does not compile. */
#define PLAN_TAG_LIMIT 160

/* FLAGS */
#define PLAN_FLAG_DEBUG 1u
#define PLAN_FLAG_HOST_IPC 2u
#define PLAN_FLAG_PREFIX 4u
#define PLAN_FLAG_DETACHED 8u
#define PLAN_FLAGS_ALL 15u

/* STDIN, STDOUT, STDERR */
enum plan_stream {
  PLAN_STREAM_POD = 0, /* the pod's own; output goes to the log as well */
  PLAN_STREAM_NULL = 1,
  PLAN_STREAM_ATTACHABLE = 2,
  PLAN_STREAM_TERMINAL = 3,
};

/* RESTART */
enum plan_restart {
  PLAN_RESTART_NEVER = 0,
  PLAN_RESTART_ON_FAILURE = 1,
  PLAN_RESTART_ALWAYS = 2,
};

/* MOUNT_FLAGS */
#define PLAN_MOUNT_READONLY 1u
#define PLAN_MOUNT_RECURSIVE 2u
#define PLAN_MOUNT_DEVICES 4u
#define PLAN_MOUNT_SHIFTED 8u

/* SOCKET_OPEN */
enum plan_socket_open {
  PLAN_SOCKET_OPEN_TCP = 1,
  PLAN_SOCKET_OPEN_UDP = 2,
};

/* FILE_REPLACE */
enum plan_file_replace {
  PLAN_FILE_KEEP = 0,
  PLAN_FILE_REPLACE_ALWAYS = 1,
  PLAN_FILE_REPLACE_EMPTY = 2,
};

#define PLAN_NO_FD UINT32_MAX
#define PLAN_NO_OOM_SCORE_ADJ 0x80000000u

/* A plan is at most this long, header included. */
#define PLAN_MAX_SIZE (4u << 20)
#define PLAN_FILE_NAME "stage1.plan"

/* Repeated records. The items of a list of strings are `char *`, with a NULL after the last. */
struct plan_list {
  void *items;
  size_t count;
};

struct plan_bytes {
  unsigned char *data;
  size_t length;
};

/* Bits of CGROUP_COUNTERS. */
#define PLAN_COUNTS_OOM_KILLS 0x1
#define PLAN_COUNTS_REFUSED_FORKS 0x2
#define PLAN_COUNTERS_ALL 0x3

struct plan_cgroup {
  char *dir;
  uint32_t v2;
  uint32_t counters;
  struct plan_list writes; /* char * */
  struct plan_list tries;  /* char *; what is missing is passed over */
};

/* Exactly one member is set. */
struct plan_teardown {
  char *umount;
  char *unlink;
};

struct plan_command {
  struct plan_list args; /* char * */
};

/* Ids of the pod are those of the host less `shift`, from 0 to `range` - 1. */
struct plan_userns {
  uint32_t shift;
  uint32_t range;
  char *path;
};

struct plan_mount {
  char *source;
  char *target;
  uint32_t flags;
};

struct plan_file {
  char *path;
  uint32_t mode;
  struct plan_bytes data;
  uint32_t replace; /* enum plan_file_replace */
};

/* A socket that the app is activated by: the caller's, or one that is opened at a port of the pod's network. */
struct plan_socket {
  uint32_t fd;   /* PLAN_NO_FD: it is opened */
  uint32_t open; /* enum plan_socket_open, or 0 */
  uint32_t port; /* 0 where it is not opened */
  char *name;
};

struct plan_app {
  char *name;
  struct plan_list lowers; /* char *, topmost first */
  char *upper;
  char *work;
  uint32_t readonly;
  uint32_t in_place;
  struct plan_command command;
  struct plan_list env; /* char * */
  char *cwd;
  uint32_t uid;
  uint32_t gid;
  struct plan_list groups; /* uint32_t */
  uint64_t caps_bounding;
  uint32_t no_new_privs;
  struct plan_list rlimits; /* struct plan_bytes */
  struct plan_list mounts;  /* struct plan_mount */
  struct plan_list masked;  /* char * */
  struct plan_list readonly_paths; /* char * */
  struct plan_list directories; /* char * */
  struct plan_list files;   /* struct plan_file */
  struct plan_command *pre_start;
  struct plan_command *post_stop;
  struct plan_bytes seccomp;
  struct plan_bytes device_filter;
  uint32_t oom_score_adj;
  uint32_t umask;
  uint32_t std_streams[3]; /* enum plan_stream, by descriptor */
  uint32_t interactive;    /* its terminal is relayed to the streams of the monitor */
  uint32_t restart;        /* enum plan_restart */
  uint32_t restart_limit;
  uint32_t notify;
  uint32_t stop_signal; /* what SIGTERM to the pod is for this app */
  struct plan_list sockets; /* struct plan_socket */
};

/* The root filesystem of a stage1 that is an image: layers as an app has them. */
struct plan_stage1 {
  struct plan_list lowers; /* char *, topmost first */
  char *upper;
  char *work;
  uint32_t in_place;
};

struct plan_block;

struct plan {
  char *uuid;
  char *hostname;
  char *pod_dir;
  uint32_t lock_fd;
  uint32_t lease_fd;
  char *netns;
  uint32_t stop_timeout_ms;
  struct plan_list cgroups;  /* struct plan_cgroup */
  struct plan_list teardown; /* struct plan_teardown */
  struct plan_bytes netfilter;
  struct plan_list apps;     /* struct plan_app */
  uint32_t flags;
  struct plan_list sysctls; /* char * */
  char *subcgroup;
  uint32_t ready_fd;
  uint32_t ready_timeout_ms; /* 0: none */
  uint64_t log_size;
  uint32_t log_files;
  struct plan_command *epilogue;
  struct plan_userns *userns;
  struct plan_stage1 *stage1;
  struct plan_block *blocks; /* memory of everything above */
};

/*
 * Parses `length` bytes into `ret_plan`. Strings stay in `buffer`, which is written to (terminators) and must outlive the
 * plan. On failure the message names the tag and its offset in the file, and nothing is kept.
 */
int plan_parse(unsigned char *buffer, size_t length, struct plan *ret_plan, struct rkt_error *err);

/* Reads and parses `stage1.plan` of the directory `dir`. The buffer lives until plan_free. */
int plan_read(int dir, struct plan *ret_plan, struct rkt_error *err);

void plan_free(struct plan *plan);

/* The app of that name, or NULL. */
const struct plan_app *plan_find_app(const struct plan *plan, const char *name);

/* The app's streams that are a terminal: bit N is descriptor N. */
static inline unsigned plan_terminal_streams(const struct plan_app *app) {
  unsigned streams = 0;
  for (unsigned fd = 0; fd <= 2; fd++)
    streams |= app->std_streams[fd] == PLAN_STREAM_TERMINAL ? 1u << fd : 0;
  return streams;
}

static inline const struct plan_app *plan_apps(const struct plan *plan) { return plan->apps.items; }
static inline const struct plan_cgroup *plan_cgroups(const struct plan *plan) { return plan->cgroups.items; }
static inline const struct plan_socket *plan_sockets(const struct plan_app *app) { return app->sockets.items; }
static inline char **plan_strings(const struct plan_list *list) { return list->items; }
static inline bool plan_debug(const struct plan *plan) { return (plan->flags & PLAN_FLAG_DEBUG) != 0; }
