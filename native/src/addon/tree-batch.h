/*
 * Fills a new directory from a batch of records: one call makes many files. What goes where was decided by the caller
 * (runtime/image/tree-writer.ts); nothing is decided here, and nothing that exists is ever replaced.
 *
 * A record is its number (1 byte, enum rkt_tree_record) and its fields, packed, integers little-endian:
 *
 *   attributes   uid u32, gid u32, mode u32, seconds i64, nanoseconds u32
 *   path, text   length u16, bytes without NUL; paths are relative to the root, and resolved as in fs.h
 *   range        offset u64, length u64: a piece of the batch's content
 *
 * A file of several pieces is begun, gets data and holes, and is ended, also across batches.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

enum rkt_tree_record {
  RKT_TREE_FILE = 1,      /* path, attributes, range: a file that is there whole */
  RKT_TREE_BEGIN = 2,     /* path: a file whose content follows */
  RKT_TREE_DATA = 3,      /* range */
  RKT_TREE_HOLE = 4,      /* length u64 */
  RKT_TREE_END = 5,       /* attributes */
  RKT_TREE_DIRECTORY = 6, /* path: mode 0700, the attributes come when it is full */
  RKT_TREE_SYMLINK = 7,   /* path, attributes, text */
  RKT_TREE_HARDLINK = 8,  /* path, path of what is there */
  RKT_TREE_NODE = 9,      /* path, attributes (the mode with its type), major u32, minor u32 */
  RKT_TREE_XATTR = 10,    /* path, name (text), length u32, value */
};

struct rkt_tree;

/* `root` is a descriptor of the directory; it stays the caller's and must be open as long as the tree is used. */
int rkt_tree_new(int root, struct rkt_tree **ret, struct rkt_error *err);
/* Closes what is open. */
void rkt_tree_free(struct rkt_tree *tree);

struct rkt_tree_batch {
  const uint8_t *records;
  size_t length;
  const uint8_t *content;
  size_t content_length;
};

/*
 * Carries the records out from offset *at on. On failure *at is the offset of the record that failed, which has changed
 * nothing but for a file of which a part was written. A record that cannot be read fails with EBADMSG.
 */
int rkt_tree_run(struct rkt_tree *tree, const struct rkt_tree_batch *batch, size_t *at, struct rkt_error *err);
