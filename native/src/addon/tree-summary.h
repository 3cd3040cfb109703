/* Counting what a tree holds. */
#pragma once

#include <stdint.h>

#include "common/error.h"

struct rkt_tree_summary {
  uint64_t entries; /* files, directories, links and nodes, the root itself not counted */
  uint64_t bytes;   /* content of the regular files, hard links counted once */
};

/* Goes through the directory `path`; links are not followed. Something that goes away meanwhile fails with ENOENT. */
int rkt_tree_summarize(const char *path, struct rkt_tree_summary *ret, struct rkt_error *err);
