#include "stage1/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "stage1/message.h"
#include "stage1/resolve.h"

static int write_all(int fd, const struct plan_bytes *data) {
  for (size_t done = 0; done < data->length;) {
    ssize_t count = write(fd, data->data + done, data->length - done);
    if (count < 0 && errno != EINTR)
      return -errno;
    done += count < 0 ? 0 : (size_t)count;
  }
  return 0;
}

/* Anything but an empty file counts as content; a link that leads nowhere is nothing. */
static bool has_content(int root, const char *path) {
  cleanup_close int fd = resolve_beneath(root, path, true);
  struct stat status;
  return fd >= 0 && (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) || status.st_size > 0);
}

/* Takes away what is at the file's path where the plan wants that: the link itself, never what it leads to. */
static int make_room(const struct plan_file *file, int root, int parent, const char *name, struct rkt_error *err) {
  if (file->replace == PLAN_FILE_KEEP || (file->replace == PLAN_FILE_REPLACE_EMPTY && has_content(root, file->path)))
    return 0;
  if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
    return rkt_fail(err, errno, "replacing %s in the root filesystem", file->path);
  return 0;
}

static int make_file(const struct plan_file *file, int root, struct rkt_error *err) {
  cleanup_close int parent = -1;
  const char *name;
  int result = resolve_parent(root, file->path, &parent, &name, err);
  if (result == 0)
    result = make_room(file, root, parent, name, err);
  if (result < 0)
    return result;
  cleanup_close int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file->mode);
  if (fd < 0 && errno == EEXIST)
    return 0;
  if (fd < 0 || fchmod(fd, file->mode) < 0)
    return rkt_fail(err, errno, "making %s in the root filesystem", file->path);
  result = write_all(fd, &file->data);
  return result < 0 ? rkt_fail(err, -result, "writing %s in the root filesystem", file->path) : 0;
}

static int make_directory(const char *path, int root, struct rkt_error *err) {
  cleanup_close int fd = -1;
  return resolve_or_make(root, path, RESOLVE_DIRECTORY, &fd, err);
}

/* The image has something else than a directory where one belongs, or a link that leads nowhere or in circles. */
static bool is_layout(int errnum) { return errnum == ENOTDIR || errnum == ENOENT || errnum == ELOOP; }

/* Whether to go on after `result`. */
static bool passes(const struct plan_app *app, const char *path, int result, const struct rkt_error *cause) {
  if (result == 0)
    return true;
  if (!is_layout(cause->errnum))
    return false;
  message_debug("app \"%s\": without %s: %s", app->name, path, cause->message);
  return true;
}

int files_make(const struct plan_app *app, int root, struct rkt_error *err) {
  for (size_t i = 0; i < app->directories.count; i++) {
    const char *path = plan_strings(&app->directories)[i];
    int result = make_directory(path, root, err);
    if (!passes(app, path, result, err))
      return result;
  }
  const struct plan_file *files = app->files.items;
  for (size_t i = 0; i < app->files.count; i++) {
    int result = make_file(&files[i], root, err);
    if (!passes(app, files[i].path, result, err))
      return result;
  }
  return 0;
}
