#include "stage1/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/device-filter.h"
#include "stage1/plan-reader.h"
#include "stage1/sysctl.h"

#define MAGIC "RKTPLAN1"
#define FILE_HEADER_SIZE 12u
#define DEFAULT_STOP_TIMEOUT_MS 10000
#define MAX_FD 0x7fffffffu
#define MAX_SIGNAL 64 /* the kernel's, on every architecture that we know */
#define RLIMIT_SIZE 20u
#define DEFAULT_LOG_SIZE (10u << 20)
#define DEFAULT_LOG_FILES 3
#define MAX_LOG_FILES 1000

/* The number of a tag, which must be below the limit. */
#define TAG(name) (PLAN_##name + 0 * (int)sizeof(char[PLAN_##name < PLAN_TAG_LIMIT ? 1 : -1]))
#define FIELD(name, kind, flags, type, member, maximum)                                                                \
  { TAG(name), #name, PLAN_KIND_##kind, flags, offsetof(type, member), maximum, NULL }
#define GROUP(name, flags, type, member, schema)                                                                       \
  { TAG(name), #name, PLAN_KIND_GROUP, flags, offsetof(type, member), 0, schema }
#define FIELDS(table) .fields = (table), .count = sizeof(table) / sizeof((table)[0])

static const char *fail_field(const struct plan_field *field, const struct plan_field **ret_field, const char *reason) {
  *ret_field = field;
  return reason;
}

/* MOUNT */

static const struct plan_field mount_fields[] = {
    FIELD(MOUNT_SOURCE, PATH, PLAN_REQUIRED, struct plan_mount, source, 0),
    FIELD(MOUNT_TARGET, PATH, PLAN_REQUIRED | PLAN_CLEAN, struct plan_mount, target, 0),
    FIELD(MOUNT_FLAGS, U32, 0, struct plan_mount, flags, 15),
};
static const struct plan_schema mount_schema = {.size = sizeof(struct plan_mount), FIELDS(mount_fields)};

/* FILE */

static const struct plan_field file_fields[] = {
    FIELD(FILE_PATH, PATH, PLAN_REQUIRED | PLAN_CLEAN, struct plan_file, path, 0),
    FIELD(FILE_MODE, U32, PLAN_REQUIRED, struct plan_file, mode, 0777),
    FIELD(FILE_DATA, BYTES, PLAN_REQUIRED, struct plan_file, data, 0),
    FIELD(FILE_REPLACE, U32, 0, struct plan_file, replace, PLAN_FILE_REPLACE_EMPTY),
};
static const char *check_file(const void *item, const struct plan_field **ret_field) {
  const struct plan_file *file = item;
  return file->path[1] == '\0' ? fail_field(&file_fields[0], ret_field, "the root is not a file") : NULL;
}
static const struct plan_schema file_schema = {
    .size = sizeof(struct plan_file), FIELDS(file_fields), .check = check_file};

/* SOCKET */

static const struct plan_field socket_fields[] = {
    FIELD(SOCKET_FD, U32, 0, struct plan_socket, fd, MAX_FD),
    FIELD(SOCKET_NAME, STRING, PLAN_REQUIRED, struct plan_socket, name, 255),
    FIELD(SOCKET_OPEN, U32, 0, struct plan_socket, open, PLAN_SOCKET_OPEN_UDP),
    FIELD(SOCKET_PORT, U32, 0, struct plan_socket, port, 65535),
};
static const struct plan_socket socket_defaults = {.fd = PLAN_NO_FD};
/* LISTEN_FDNAMES has them all with colons between them. */
static const char *check_socket(const void *item, const struct plan_field **ret_field) {
  const struct plan_socket *socket = item;
  if (socket->fd < 3)
    return fail_field(&socket_fields[0], ret_field, "below 3, where standard streams are");
  if ((socket->fd == PLAN_NO_FD) != (socket->open != 0))
    return fail_field(&socket_fields[2], ret_field, "a socket is either SOCKET_FD or opened");
  if ((socket->open != 0) != (socket->port != 0))
    return fail_field(&socket_fields[3], ret_field, "SOCKET_OPEN and SOCKET_PORT must stand together");
  return strchr(socket->name, ':') == NULL ? NULL : fail_field(&socket_fields[1], ret_field, "there is a colon in it");
}
static const struct plan_schema socket_schema = {
    .size = sizeof(struct plan_socket), .defaults = &socket_defaults, FIELDS(socket_fields), .check = check_socket};

/* PRE_START, POST_STOP and EPILOGUE */

static const struct plan_field command_fields[] = {
    FIELD(ARG, STRING, PLAN_REQUIRED | PLAN_REPEATED | PLAN_MAY_BE_EMPTY, struct plan_command, args, 0),
};
static const char *check_command(const void *item, const struct plan_field **ret_field) {
  const struct plan_command *command = item;
  const char *executable = plan_strings(&command->args)[0];
  return executable[0] == '\0' ? fail_field(&command_fields[0], ret_field, "the executable's name is empty") : NULL;
}
static const struct plan_schema command_schema = {
    .size = sizeof(struct plan_command), FIELDS(command_fields), .check = check_command};

/* APP */

static const struct plan_app app_defaults = {.oom_score_adj = PLAN_NO_OOM_SCORE_ADJ, .umask = 0022, .stop_signal = SIGTERM};

enum app_field { APP_NAME, APP_ROOT_WORK, APP_ROOT_IN_PLACE, APP_ARG, APP_ENV, APP_RLIMIT, APP_SECCOMP, APP_DEVICE_FILTER, APP_OOM_SCORE_ADJ, APP_UID, APP_GID, APP_STOP_SIGNAL };

static const struct plan_field app_fields[] = {
    [APP_NAME] = FIELD(APP_NAME, STRING, PLAN_REQUIRED, struct plan_app, name, 255),
    [APP_ROOT_WORK] = FIELD(ROOT_WORK, PATH, 0, struct plan_app, work, 0),
    [APP_ROOT_IN_PLACE] = FIELD(ROOT_IN_PLACE, U32, 0, struct plan_app, in_place, 1),
    [APP_ARG] = FIELD(ARG, STRING, PLAN_REQUIRED | PLAN_REPEATED | PLAN_MAY_BE_EMPTY, struct plan_app, command.args, 0),
    [APP_ENV] = FIELD(ENV, STRING, PLAN_REPEATED, struct plan_app, env, 0),
    [APP_RLIMIT] = FIELD(RLIMIT, BYTES, PLAN_REPEATED, struct plan_app, rlimits, RLIMIT_SIZE),
    [APP_SECCOMP] = FIELD(SECCOMP, BYTES, 0, struct plan_app, seccomp, BPF_MAXINSNS * sizeof(struct sock_filter)),
    [APP_DEVICE_FILTER] = FIELD(DEVICE_FILTER, BYTES, 0, struct plan_app, device_filter, DEVICE_FILTER_MAX * DEVICE_FILTER_INSTRUCTION),
    [APP_OOM_SCORE_ADJ] = FIELD(OOM_SCORE_ADJ, U32, 0, struct plan_app, oom_score_adj, 0),
    [APP_UID] = FIELD(UID, U32, PLAN_REQUIRED, struct plan_app, uid, UINT32_MAX - 1),
    [APP_GID] = FIELD(GID, U32, PLAN_REQUIRED, struct plan_app, gid, UINT32_MAX - 1),
    [APP_STOP_SIGNAL] = FIELD(STOP_SIGNAL, U32, 0, struct plan_app, stop_signal, MAX_SIGNAL),
    FIELD(ROOT_LOWER, PATH, PLAN_REQUIRED | PLAN_REPEATED, struct plan_app, lowers, 0),
    FIELD(ROOT_UPPER, PATH, 0, struct plan_app, upper, 0),
    FIELD(ROOT_READONLY, U32, 0, struct plan_app, readonly, 1),
    FIELD(CWD, PATH, PLAN_REQUIRED, struct plan_app, cwd, 0),
    FIELD(SUPPLEMENTARY_GID, U32, PLAN_REPEATED, struct plan_app, groups, UINT32_MAX - 1),
    FIELD(CAPS_BOUNDING, U64, PLAN_REQUIRED, struct plan_app, caps_bounding, 0),
    FIELD(NO_NEW_PRIVS, U32, 0, struct plan_app, no_new_privs, 1),
    GROUP(MOUNT, PLAN_REPEATED, struct plan_app, mounts, &mount_schema),
    FIELD(MASK_PATH, PATH, PLAN_REPEATED | PLAN_CLEAN, struct plan_app, masked, 0),
    FIELD(READONLY_PATH, PATH, PLAN_REPEATED | PLAN_CLEAN, struct plan_app, readonly_paths, 0),
    FIELD(DIRECTORY, PATH, PLAN_REPEATED | PLAN_CLEAN, struct plan_app, directories, 0),
    GROUP(FILE, PLAN_REPEATED, struct plan_app, files, &file_schema),
    GROUP(SOCKET, PLAN_REPEATED, struct plan_app, sockets, &socket_schema),
    GROUP(PRE_START, 0, struct plan_app, pre_start, &command_schema),
    GROUP(POST_STOP, 0, struct plan_app, post_stop, &command_schema),
    FIELD(UMASK, U32, 0, struct plan_app, umask, 0777),
    FIELD(STDIN, U32, 0, struct plan_app, std_streams[0], PLAN_STREAM_TERMINAL),
    FIELD(STDOUT, U32, 0, struct plan_app, std_streams[1], PLAN_STREAM_TERMINAL),
    FIELD(STDERR, U32, 0, struct plan_app, std_streams[2], PLAN_STREAM_TERMINAL),
    FIELD(RESTART, U32, 0, struct plan_app, restart, PLAN_RESTART_ALWAYS),
    FIELD(RESTART_LIMIT, U32, 0, struct plan_app, restart_limit, 0),
    FIELD(NOTIFY, U32, 0, struct plan_app, notify, 1),
    FIELD(INTERACTIVE, U32, 0, struct plan_app, interactive, 1),
};

static bool is_env_entry(const char *entry) {
  const char *equals = strchr(entry, '=');
  return equals != NULL && equals != entry;
}

static const char *check_app_lists(const struct plan_app *app, const struct plan_field **ret_field) {
  for (size_t i = 0; i < app->env.count; i++)
    if (!is_env_entry(plan_strings(&app->env)[i]))
      return fail_field(&app_fields[APP_ENV], ret_field, "not of the form NAME=value");
  const struct plan_bytes *rlimits = app->rlimits.items;
  for (size_t i = 0; i < app->rlimits.count; i++)
    if (rlimits[i].length != RLIMIT_SIZE)
      return fail_field(&app_fields[APP_RLIMIT], ret_field, "the payload is not 20 bytes");
  return NULL;
}

static const char *check_app(const void *item, const struct plan_field **ret_field) {
  const struct plan_app *app = item;
  if (strspn(app->name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(app->name))
    return fail_field(&app_fields[APP_NAME], ret_field, "a character is not of a-z, 0-9 and -");
  if ((app->upper == NULL) != (app->work == NULL))
    return fail_field(&app_fields[APP_ROOT_WORK], ret_field, "ROOT_UPPER and ROOT_WORK must stand together");
  if (app->in_place != 0 && (app->upper != NULL || app->lowers.count != 1))
    return fail_field(&app_fields[APP_ROOT_IN_PLACE], ret_field, "it needs one ROOT_LOWER and no ROOT_UPPER");
  if (app->seccomp.data != NULL &&
      (app->seccomp.length == 0 || app->seccomp.length % sizeof(struct sock_filter) != 0))
    return fail_field(&app_fields[APP_SECCOMP], ret_field, "not an array of struct sock_filter");
  if (app->stop_signal == 0)
    return fail_field(&app_fields[APP_STOP_SIGNAL], ret_field, "not the number of a signal");
  if (app->device_filter.data != NULL &&
      (app->device_filter.length == 0 || app->device_filter.length % DEVICE_FILTER_INSTRUCTION != 0))
    return fail_field(&app_fields[APP_DEVICE_FILTER], ret_field, "not an array of struct bpf_insn");
  int32_t adjustment = (int32_t)app->oom_score_adj;
  if (app->oom_score_adj != PLAN_NO_OOM_SCORE_ADJ && (adjustment < -1000 || adjustment > 1000))
    return fail_field(&app_fields[APP_OOM_SCORE_ADJ], ret_field, "not between -1000 and 1000");
  if (plan_strings(&app->command.args)[0][0] == '\0')
    return fail_field(&app_fields[APP_ARG], ret_field, "the executable's name is empty");
  return check_app_lists(app, ret_field);
}

static const struct plan_schema app_schema = {
    .size = sizeof(struct plan_app), .defaults = &app_defaults, FIELDS(app_fields), .check = check_app};

/* TEARDOWN */

static const struct plan_field teardown_fields[] = {
    FIELD(TEARDOWN_UMOUNT, PATH, 0, struct plan_teardown, umount, 0),
    FIELD(TEARDOWN_UNLINK, PATH, 0, struct plan_teardown, unlink, 0),
};
static const char *check_teardown(const void *item, const struct plan_field **ret_field) {
  const struct plan_teardown *step = item;
  return (step->umount != NULL) != (step->unlink != NULL) ? NULL : fail_field(&teardown_fields[0], ret_field, "a step must be exactly one thing");
}
static const struct plan_schema teardown_schema = {
    .size = sizeof(struct plan_teardown), FIELDS(teardown_fields), .check = check_teardown};

/* CGROUP */

static const struct plan_field cgroup_fields[] = {
    FIELD(CGROUP_DIR, PATH, PLAN_REQUIRED | PLAN_CLEAN, struct plan_cgroup, dir, 0),
    FIELD(CGROUP_V2, U32, 0, struct plan_cgroup, v2, 1),
    FIELD(CGROUP_WRITE, STRING, PLAN_REPEATED, struct plan_cgroup, writes, 0),
    FIELD(CGROUP_TRY, STRING, PLAN_REPEATED, struct plan_cgroup, tries, 0),
    FIELD(CGROUP_COUNTERS, U32, 0, struct plan_cgroup, counters, PLAN_COUNTERS_ALL),
};

/* `file=value` or `group/file=value`. */
static bool is_cgroup_write(const char *entry) {
  size_t length = strcspn(entry, "=");
  if (entry[length] != '=' || length == 0 || entry[0] == '/' || entry[0] == '.')
    return false;
  const char *slash = memchr(entry, '/', length);
  if (slash == NULL)
    return true;
  size_t file = length - (size_t)(slash + 1 - entry);
  return file > 0 && slash[1] != '.' && memchr(slash + 1, '/', file) == NULL;
}

static const char *check_writes(const struct plan_list *list, const struct plan_field *field,
                                const struct plan_field **ret_field) {
  for (size_t i = 0; i < list->count; i++)
    if (!is_cgroup_write(plan_strings(list)[i]))
      return fail_field(field, ret_field, "not of the form file=value or app/file=value");
  return NULL;
}

static const char *check_cgroup(const void *item, const struct plan_field **ret_field) {
  const struct plan_cgroup *cgroup = item;
  const char *reason = check_writes(&cgroup->writes, &cgroup_fields[2], ret_field);
  return reason != NULL ? reason : check_writes(&cgroup->tries, &cgroup_fields[3], ret_field);
}
static const struct plan_schema cgroup_schema = {
    .size = sizeof(struct plan_cgroup), FIELDS(cgroup_fields), .check = check_cgroup};

/* USERNS */

static const struct plan_field userns_fields[] = {
    FIELD(USERNS_SHIFT, U32, PLAN_REQUIRED, struct plan_userns, shift, UINT32_MAX - 1),
    FIELD(USERNS_RANGE, U32, PLAN_REQUIRED, struct plan_userns, range, UINT32_MAX - 1),
    FIELD(USERNS_PATH, PATH, PLAN_REQUIRED, struct plan_userns, path, 0),
};
static const char *check_userns(const void *item, const struct plan_field **ret_field) {
  const struct plan_userns *userns = item;
  if (userns->shift == 0)
    return fail_field(&userns_fields[0], ret_field, "the pod's root would be the host's");
  if (userns->range == 0 || userns->range > UINT32_MAX - userns->shift)
    return fail_field(&userns_fields[1], ret_field, "no ids, or more than there are");
  return NULL;
}
static const struct plan_schema userns_schema = {
    .size = sizeof(struct plan_userns), FIELDS(userns_fields), .check = check_userns};

/* STAGE1 */

static const struct plan_field stage1_fields[] = {
    FIELD(ROOT_LOWER, PATH, PLAN_REQUIRED | PLAN_REPEATED, struct plan_stage1, lowers, 0),
    FIELD(ROOT_UPPER, PATH, 0, struct plan_stage1, upper, 0),
    FIELD(ROOT_WORK, PATH, 0, struct plan_stage1, work, 0),
    FIELD(ROOT_IN_PLACE, U32, 0, struct plan_stage1, in_place, 1),
};
static const char *check_stage1(const void *item, const struct plan_field **ret_field) {
  const struct plan_stage1 *stage1 = item;
  if ((stage1->upper == NULL) != (stage1->work == NULL))
    return fail_field(&stage1_fields[2], ret_field, "ROOT_UPPER and ROOT_WORK must stand together");
  if (stage1->in_place != 0 ? stage1->upper != NULL || stage1->lowers.count != 1 : stage1->upper == NULL)
    return fail_field(&stage1_fields[3], ret_field, "it needs either ROOT_UPPER, or to be one ROOT_LOWER in place");
  return NULL;
}
static const struct plan_schema stage1_schema = {
    .size = sizeof(struct plan_stage1), FIELDS(stage1_fields), .check = check_stage1};

/* pod */

static const struct plan pod_defaults = {.lease_fd = PLAN_NO_FD,
                                         .ready_fd = PLAN_NO_FD,
                                         .stop_timeout_ms = DEFAULT_STOP_TIMEOUT_MS,
                                         .log_size = DEFAULT_LOG_SIZE,
                                         .log_files = DEFAULT_LOG_FILES};

enum pod_field { POD_UUID, POD_LOCK_FD, POD_LEASE_FD, POD_READY_FD, POD_APP, POD_SYSCTL, POD_SUBCGROUP };

static const struct plan_field pod_fields[] = {
    [POD_UUID] = FIELD(UUID, STRING, PLAN_REQUIRED, struct plan, uuid, 36),
    [POD_LOCK_FD] = FIELD(LOCK_FD, U32, PLAN_REQUIRED, struct plan, lock_fd, MAX_FD),
    [POD_LEASE_FD] = FIELD(LEASE_FD, U32, 0, struct plan, lease_fd, MAX_FD),
    [POD_READY_FD] = FIELD(READY_FD, U32, 0, struct plan, ready_fd, MAX_FD),
    [POD_APP] = GROUP(APP, PLAN_REQUIRED | PLAN_REPEATED, struct plan, apps, &app_schema),
    [POD_SYSCTL] = FIELD(SYSCTL, STRING, PLAN_REPEATED, struct plan, sysctls, 0),
    [POD_SUBCGROUP] = FIELD(SUBCGROUP, STRING, 0, struct plan, subcgroup, 4095),
    FIELD(HOSTNAME, STRING, PLAN_REQUIRED, struct plan, hostname, 0),
    FIELD(POD_DIR, PATH, PLAN_REQUIRED, struct plan, pod_dir, 0),
    FIELD(NETNS, PATH, 0, struct plan, netns, 0),
    FIELD(STOP_TIMEOUT_MS, U32, 0, struct plan, stop_timeout_ms, 0x7fffffff),
    GROUP(CGROUP, PLAN_REPEATED, struct plan, cgroups, &cgroup_schema),
    GROUP(TEARDOWN, PLAN_REPEATED, struct plan, teardown, &teardown_schema),
    FIELD(NETFILTER, BYTES, 0, struct plan, netfilter, 0),
    FIELD(FLAGS, U32, 0, struct plan, flags, PLAN_FLAGS_ALL),
    FIELD(READY_TIMEOUT_MS, U32, 0, struct plan, ready_timeout_ms, 0x7fffffff),
    FIELD(LOG_SIZE, U64, 0, struct plan, log_size, 0),
    FIELD(LOG_FILES, U32, 0, struct plan, log_files, MAX_LOG_FILES),
    GROUP(EPILOGUE, 0, struct plan, epilogue, &command_schema),
    GROUP(USERNS, 0, struct plan, userns, &userns_schema),
    GROUP(STAGE1, 0, struct plan, stage1, &stage1_schema),
};

static bool is_uuid(const char *text) {
  if (strlen(text) != 36)
    return false;
  for (size_t i = 0; i < 36; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
      return false;
  }
  return true;
}

static bool has_duplicate_socket(const struct plan *plan) {
  uint32_t known[3] = {plan->lock_fd, plan->lease_fd, plan->ready_fd};
  for (size_t a = 0; a < plan->apps.count; a++)
    for (size_t i = 0; i < plan_apps(plan)[a].sockets.count; i++) {
      uint32_t fd = plan_sockets(&plan_apps(plan)[a])[i].fd;
      for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
        if (fd == known[k] && fd != PLAN_NO_FD)
          return true;
    }
  return false;
}

static bool has_duplicate_app(const struct plan *plan) {
  const struct plan_app *apps = plan_apps(plan);
  for (size_t i = 0; i < plan->apps.count; i++)
    if (plan_find_app(plan, apps[i].name) != &apps[i])
      return true;
  return false;
}

static const char *check_pod(const void *item, const struct plan_field **ret_field) {
  const struct plan *plan = item;
  if (!is_uuid(plan->uuid))
    return fail_field(&pod_fields[POD_UUID], ret_field, "not a UUID in lower case");
  if (plan->lock_fd < 3)
    return fail_field(&pod_fields[POD_LOCK_FD], ret_field, "below 3, where standard streams are");
  if (plan->lease_fd < 3 || plan->lease_fd == plan->lock_fd)
    return fail_field(&pod_fields[POD_LEASE_FD], ret_field, "below 3, or the lock's");
  if (plan->ready_fd < 3 || plan->ready_fd == plan->lock_fd ||
      (plan->ready_fd == plan->lease_fd && plan->ready_fd != PLAN_NO_FD))
    return fail_field(&pod_fields[POD_READY_FD], ret_field, "below 3, or another's");
  if (has_duplicate_app(plan))
    return fail_field(&pod_fields[POD_APP], ret_field, "two apps have the same name");
  if (has_duplicate_socket(plan))
    return fail_field(&pod_fields[POD_APP], ret_field, "a socket has the descriptor of something else");
  for (size_t i = 0; i < plan->sysctls.count; i++) {
    const char *reason = sysctl_refusal(plan_strings(&plan->sysctls)[i], plan->netns != NULL,
                                        (plan->flags & PLAN_FLAG_HOST_IPC) == 0);
    if (reason != NULL)
      return fail_field(&pod_fields[POD_SYSCTL], ret_field, reason);
  }
  return NULL;
}
static const struct plan_schema pod_schema = {
    .size = sizeof(struct plan), .defaults = &pod_defaults, FIELDS(pod_fields), .check = check_pod};

static int check_header(const unsigned char *buffer, size_t length, struct rkt_error *err) {
  if (length < FILE_HEADER_SIZE || memcmp(buffer, MAGIC, 8) != 0)
    return rkt_fail(err, 0, "launch plan: offset 0: does not start with " MAGIC);
  if (length > PLAN_MAX_SIZE)
    return rkt_fail(err, 0, "launch plan: longer than %u bytes", PLAN_MAX_SIZE);
  size_t body = (size_t)buffer[8] | (size_t)buffer[9] << 8 | (size_t)buffer[10] << 16 | (size_t)buffer[11] << 24;
  if (body != length - FILE_HEADER_SIZE)
    return rkt_fail(err, 0, "launch plan: offset 8: the body is said to be %zu bytes long and is %zu", body,
                    length - FILE_HEADER_SIZE);
  return 0;
}

int plan_parse(unsigned char *buffer, size_t length, struct plan *ret_plan, struct rkt_error *err) {
  int result = check_header(buffer, length, err);
  if (result < 0)
    return result;

  struct plan plan = pod_defaults;
  struct plan_block *blocks = NULL;
  result = plan_read_group(&pod_schema, buffer, FILE_HEADER_SIZE, length, &plan, &blocks, err);
  if (result < 0) {
    plan_release(&blocks);
    return result;
  }
  plan.blocks = blocks;
  *ret_plan = plan;
  return 0;
}

static int read_all(int fd, unsigned char *buffer, size_t length, struct rkt_error *err) {
  for (size_t done = 0; done < length;) {
    ssize_t count = read(fd, buffer + done, length - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return rkt_fail(err, errno, "reading the launch plan " PLAN_FILE_NAME);
    if (count == 0)
      return rkt_fail(err, 0, "reading the launch plan " PLAN_FILE_NAME ": it is shorter than it was");
    done += (size_t)count;
  }
  return 0;
}

static int read_file(int dir, struct plan_block **blocks, unsigned char **ret_buffer, size_t *ret_length,
                     struct rkt_error *err) {
  cleanup_close int fd = openat(dir, PLAN_FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) < 0)
    return rkt_fail(err, errno, "opening the launch plan " PLAN_FILE_NAME);
  if (!S_ISREG(status.st_mode))
    return rkt_fail(err, 0, "opening the launch plan " PLAN_FILE_NAME ": not a regular file");
  if (status.st_size > PLAN_MAX_SIZE)
    return rkt_fail(err, 0, "launch plan: longer than %u bytes", PLAN_MAX_SIZE);

  unsigned char *buffer = plan_allocate(blocks, (size_t)status.st_size, err);
  if (buffer == NULL)
    return -ENOMEM;
  int result = read_all(fd, buffer, (size_t)status.st_size, err);
  if (result < 0)
    return result;
  *ret_buffer = buffer;
  *ret_length = (size_t)status.st_size;
  return 0;
}

int plan_read(int dir, struct plan *ret_plan, struct rkt_error *err) {
  struct plan_block *blocks = NULL;
  unsigned char *buffer = NULL;
  size_t length = 0;
  int result = read_file(dir, &blocks, &buffer, &length, err);
  if (result == 0)
    result = plan_parse(buffer, length, ret_plan, err);
  if (result < 0) {
    plan_release(&blocks);
    return result;
  }
  plan_chain(&ret_plan->blocks, blocks);
  return 0;
}

void plan_free(struct plan *plan) { plan_release(&plan->blocks); }

const struct plan_app *plan_find_app(const struct plan *plan, const char *name) {
  const struct plan_app *apps = plan_apps(plan);
  for (size_t i = 0; i < plan->apps.count; i++)
    if (strcmp(apps[i].name, name) == 0)
      return &apps[i];
  return NULL;
}
