#include "addon/tree-batch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addon/fs.h"
#include "addon/tree-file.h"
#include "common/cleanup.h"

struct rkt_tree {
  int root;
  /* The directory of the last record: archives go through directories one by one. -1: none, or the root. */
  int directory;
  char directory_path[PATH_MAX];
  /* The file whose content is coming in. */
  struct rkt_tree_file file;
};

int rkt_tree_new(int root, struct rkt_tree **ret, struct rkt_error *err) {
  struct rkt_tree *tree = calloc(1, sizeof(*tree));
  if (!tree)
    return rkt_fail(err, ENOMEM, "preparing to write a tree");
  tree->root = root;
  tree->directory = tree->file.fd = -1;
  *ret = tree;
  return 0;
}

void rkt_tree_free(struct rkt_tree *tree) {
  rkt_cleanup_close(&tree->directory);
  rkt_cleanup_close(&tree->file.fd);
  free(tree);
}

/* Reads the fields of one record. After a field that is not there everything else is zero and `failed` is set. */
struct reader {
  const uint8_t *at;
  size_t left;
  bool failed;
};

static const uint8_t *take(struct reader *reader, size_t length) {
  if (reader->failed || length > reader->left) {
    reader->failed = true;
    return NULL;
  }
  const uint8_t *bytes = reader->at;
  reader->at += length;
  reader->left -= length;
  return bytes;
}

static uint64_t take_integer(struct reader *reader, size_t size) {
  const uint8_t *bytes = take(reader, size);
  uint64_t value = 0;
  for (size_t i = 0; bytes && i < size; i++)
    value |= (uint64_t)bytes[i] << (8 * i);
  return value;
}

static uint32_t take_u32(struct reader *reader) { return (uint32_t)take_integer(reader, 4); }

/* A text without NULs inside, NUL-terminated in `ret`. */
static void take_text(struct reader *reader, char ret[PATH_MAX]) {
  size_t length = (size_t)take_integer(reader, 2);
  const uint8_t *bytes = take(reader, length);
  if (!bytes || length >= PATH_MAX || memchr(bytes, 0, length)) {
    reader->failed = true;
    length = 0;
  } else {
    memcpy(ret, bytes, length);
  }
  ret[length] = '\0';
}

static struct rkt_fs_attributes take_attributes(struct reader *reader) {
  struct rkt_fs_attributes attributes = {0};
  attributes.uid = take_u32(reader);
  attributes.gid = take_u32(reader);
  attributes.mode = take_u32(reader);
  attributes.mtime_sec = (int64_t)take_integer(reader, 8);
  attributes.mtime_nsec = take_u32(reader);
  return attributes;
}

struct range {
  const uint8_t *bytes;
  size_t length;
};

static struct range take_range(struct reader *reader, const struct rkt_tree_batch *batch) {
  uint64_t offset = take_integer(reader, 8), length = take_integer(reader, 8);
  if (reader->failed || offset > batch->content_length || length > batch->content_length - offset) {
    reader->failed = true;
    return (struct range){0};
  }
  return (struct range){batch->content + offset, (size_t)length};
}

static int unreadable(struct rkt_error *err) { return rkt_fail(err, EBADMSG, "reading what to write to a tree"); }

/* Finds the directory of `path`, opened until another one is needed, and the name in it. */
static int find_place(struct rkt_tree *tree, const char *path, int *ret_directory, const char **ret_name,
                      struct rkt_error *err) {
  const char *slash = strrchr(path, '/');
  if (!slash) {
    *ret_directory = tree->root;
    *ret_name = path;
    return 0;
  }
  size_t length = (size_t)(slash - path);
  if (tree->directory < 0 || strlen(tree->directory_path) != length || memcmp(tree->directory_path, path, length) != 0) {
    rkt_cleanup_close(&tree->directory);
    tree->directory = -1;
    memcpy(tree->directory_path, path, length);
    tree->directory_path[length] = '\0';
    int fd = rkt_fs_open_beneath(tree->root, tree->directory_path, O_PATH | O_DIRECTORY, err);
    if (fd < 0)
      return fd;
    tree->directory = fd;
  }
  *ret_directory = tree->directory;
  *ret_name = slash + 1;
  return 0;
}

static int run_file(struct rkt_tree *tree, struct reader *reader, const struct rkt_tree_batch *batch,
                    struct rkt_error *err) {
  char path[PATH_MAX];
  take_text(reader, path);
  struct rkt_fs_attributes attributes = take_attributes(reader);
  struct range range = take_range(reader, batch);
  const char *name;
  int directory;
  if (reader->failed)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  if (result < 0)
    return result;
  struct rkt_tree_file file;
  result = rkt_tree_file_begin(directory, name, &file, err);
  if (result < 0)
    return result;
  cleanup_close int fd = file.fd;
  result = rkt_tree_file_data(&file, range.bytes, range.length, err);
  return result < 0 ? result : rkt_tree_file_end(&file, &attributes, err);
}

static int run_begin(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX];
  take_text(reader, path);
  const char *name;
  int directory;
  if (reader->failed || tree->file.fd >= 0)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  return result < 0 ? result : rkt_tree_file_begin(directory, name, &tree->file, err);
}

static int run_data(struct rkt_tree *tree, struct reader *reader, const struct rkt_tree_batch *batch,
                    struct rkt_error *err) {
  struct range range = take_range(reader, batch);
  if (reader->failed || tree->file.fd < 0)
    return unreadable(err);
  return rkt_tree_file_data(&tree->file, range.bytes, range.length, err);
}

static int run_hole(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  uint64_t length = take_integer(reader, 8);
  if (reader->failed || tree->file.fd < 0 || length > INT64_MAX - tree->file.position)
    return unreadable(err);
  tree->file.position += length;
  return 0;
}

static int run_end(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  struct rkt_fs_attributes attributes = take_attributes(reader);
  if (reader->failed || tree->file.fd < 0)
    return unreadable(err);
  int result = rkt_tree_file_end(&tree->file, &attributes, err);
  if (result < 0)
    return result;
  rkt_cleanup_close(&tree->file.fd);
  tree->file.fd = -1;
  return 0;
}

static int run_directory(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX];
  take_text(reader, path);
  const char *name;
  int directory;
  if (reader->failed)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  return result < 0 ? result : rkt_fs_make_directory(directory, name, 0700, err);
}

static int run_symlink(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX], target[PATH_MAX];
  take_text(reader, path);
  struct rkt_fs_attributes attributes = take_attributes(reader);
  take_text(reader, target);
  const char *name;
  int directory;
  if (reader->failed)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  if (result == 0)
    result = rkt_fs_make_symlink(directory, name, target, err);
  return result < 0 ? result : rkt_fs_set_attributes(directory, name, &attributes, err);
}

static int run_hardlink(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX], existing[PATH_MAX];
  take_text(reader, path);
  take_text(reader, existing);
  return reader->failed ? unreadable(err) : rkt_fs_make_hardlink(tree->root, path, existing, err);
}

static int run_node(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX];
  take_text(reader, path);
  struct rkt_fs_attributes attributes = take_attributes(reader);
  uint32_t major = take_u32(reader), minor = take_u32(reader);
  const char *name;
  int directory;
  if (reader->failed)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  if (result == 0)
    result = rkt_fs_make_node(directory, name, attributes.mode, major, minor, err);
  return result < 0 ? result : rkt_fs_set_attributes(directory, name, &attributes, err);
}

static int run_xattr(struct rkt_tree *tree, struct reader *reader, struct rkt_error *err) {
  char path[PATH_MAX], attribute[PATH_MAX];
  take_text(reader, path);
  take_text(reader, attribute);
  size_t length = take_u32(reader);
  const uint8_t *value = take(reader, length);
  const char *name;
  int directory;
  if (reader->failed)
    return unreadable(err);
  int result = find_place(tree, path, &directory, &name, err);
  return result < 0 ? result : rkt_fs_set_xattr(directory, name, attribute, value, length, err);
}

static int run_record(struct rkt_tree *tree, struct reader *reader, const struct rkt_tree_batch *batch,
                      struct rkt_error *err) {
  switch (take_integer(reader, 1)) {
  case RKT_TREE_FILE:
    return run_file(tree, reader, batch, err);
  case RKT_TREE_BEGIN:
    return run_begin(tree, reader, err);
  case RKT_TREE_DATA:
    return run_data(tree, reader, batch, err);
  case RKT_TREE_HOLE:
    return run_hole(tree, reader, err);
  case RKT_TREE_END:
    return run_end(tree, reader, err);
  case RKT_TREE_DIRECTORY:
    return run_directory(tree, reader, err);
  case RKT_TREE_SYMLINK:
    return run_symlink(tree, reader, err);
  case RKT_TREE_HARDLINK:
    return run_hardlink(tree, reader, err);
  case RKT_TREE_NODE:
    return run_node(tree, reader, err);
  case RKT_TREE_XATTR:
    return run_xattr(tree, reader, err);
  default:
    return unreadable(err);
  }
}

int rkt_tree_run(struct rkt_tree *tree, const struct rkt_tree_batch *batch, size_t *at, struct rkt_error *err) {
  while (*at < batch->length) {
    struct reader reader = {.at = batch->records + *at, .left = batch->length - *at};
    int result = run_record(tree, &reader, batch, err);
    if (result < 0)
      return result;
    *at = batch->length - reader.left;
  }
  return 0;
}
