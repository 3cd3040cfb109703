/*
 * The records of a tree (native/src/addon/tree-batch.c) against arbitrary bytes, carried out in a directory that is emptied
 * now and then. With clang it is a libFuzzer target; without, fuzz-driver.c mutates inputs (see test/integration/image/).
 *
 * The first two bytes say how much of the input are records; the rest is the content that they refer to. What must hold beside
 * clean memory: nothing appears outside of the directory.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addon/fs.h"
#include "addon/tree-batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_put_right(uint8_t *data, size_t size);

/* Every input gets as far as it can. */
void fuzz_put_right(uint8_t *data, size_t size) {
  (void)data;
  (void)size;
}

static unsigned long runs;

/* Beside the tree there is nothing but it. */
static void check_surroundings(void) {
  DIR *dir = opendir(".");
  if (dir == NULL)
    abort();
  for (struct dirent *entry; (entry = readdir(dir));)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && strcmp(entry->d_name, "tree") != 0)
      abort();
  closedir(dir);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct rkt_error err = {0};
  if (size < 2)
    return 0;
  if (runs++ % 64 == 0 && rkt_fs_remove_tree("tree", &err) < 0)
    abort();
  if (mkdir("tree", 0700) < 0 && access("tree", F_OK) < 0)
    abort();
  int root = open("tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    abort();
  size_t length = (size_t)(data[0] | data[1] << 8);
  if (length > size - 2)
    length = size - 2;
  /* Allocations of exactly these sizes: a read past an end is seen. */
  uint8_t *records = malloc(length + 1), *content = malloc(size - 2 - length + 1);
  if (records == NULL || content == NULL)
    abort();
  records = realloc(records, length == 0 ? 1 : length);
  content = realloc(content, size - 2 - length == 0 ? 1 : size - 2 - length);
  memcpy(records, data + 2, length);
  memcpy(content, data + 2 + length, size - 2 - length);
  struct rkt_tree *tree;
  if (rkt_tree_new(root, &tree, &err) < 0)
    abort();
  const struct rkt_tree_batch batch = {
      .records = records, .length = length, .content = content, .content_length = size - 2 - length};
  size_t at = 0;
  int result = rkt_tree_run(tree, &batch, &at, &err);
  if (at > length || (result == 0 && at != length) || result > 0 || (result < 0 && (err.errnum <= 0 || err.message[0] == '\0')))
    abort();
  rkt_tree_free(tree);
  close(root);
  free(records);
  free(content);
  check_surroundings();
  return 0;
}
