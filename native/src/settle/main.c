/*
 * settle TREES FROM TO TREE...: brings the trees of a store to disk, and says so by a new name of their markers.
 *
 * TREES is the directory of all trees. Every TREE in it whose marker is still called FROM gets it renamed to TO when syncfs(2) has
 * written what there was when this began. A tree is kept hold of by a descriptor: one that takes its name meanwhile is another.
 * Where the disk refuses what the kernel had taken, the markers are removed instead, so that nobody trusts these trees.
 *
 * It works for rkt, which does not wait, so it has nobody to talk to: the exit code is 0, or 1 where something failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "common/cleanup.h"

#define FIRST_TREE 4

/* The tree if it has yet to be settled, or -1. Descriptors stay open until the end. */
static int open_unsettled(int trees, const char *name, const char *marker) {
  cleanup_close int tree = openat(trees, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (tree < 0 || faccessat(tree, marker, F_OK, 0) < 0)
    return -1;
  return rkt_steal_fd(&tree);
}

static bool settle(int tree, const char *from, const char *to, bool written) {
  int result = written ? renameat(tree, from, tree, to) : unlinkat(tree, from, 0);
  return result == 0 || errno == ENOENT;
}

int main(int argc, char **argv) {
  if (argc <= FIRST_TREE)
    return EXIT_FAILURE;
  int count = argc - FIRST_TREE;
  const char *from = argv[2];
  const char *to = argv[3];
  int trees = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int *opened = calloc((size_t)count, sizeof(*opened));
  /* Of two that want the same, the second one finds nothing left to do. */
  if (trees < 0 || opened == NULL || chdir("/") < 0 || flock(trees, LOCK_EX) < 0)
    return EXIT_FAILURE;

  int left = 0;
  for (int i = 0; i < count; i++) {
    int tree = open_unsettled(trees, argv[FIRST_TREE + i], from);
    if (tree >= 0)
      opened[left++] = tree;
  }
  if (left == 0)
    return EXIT_SUCCESS;

  bool written = syncfs(trees) == 0;
  bool done = written;
  for (int i = 0; i < left; i++)
    done = settle(opened[i], from, to, written) && done;
  /* The new names too; if they get lost, the trees count as not settled, which is safe. */
  return syncfs(trees) == 0 && done ? EXIT_SUCCESS : EXIT_FAILURE;
}
