/* The content of one new file, without its long runs of zeros: those become holes. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "addon/fs.h"
#include "common/error.h"

struct rkt_tree_file {
  int fd;
  uint64_t position; /* bytes so far, holes included; whoever leaves a hole adds to it */
  uint64_t written;  /* the file's length as it is */
};

/* Makes `name`, which must not be there. The descriptor in *ret is the caller's to close. */
int rkt_tree_file_begin(int directory, const char *name, struct rkt_tree_file *ret, struct rkt_error *err);
int rkt_tree_file_data(struct rkt_tree_file *file, const uint8_t *bytes, size_t length, struct rkt_error *err);
/* Gives the file its length where it ends with a hole, and its attributes. */
int rkt_tree_file_end(struct rkt_tree_file *file, const struct rkt_fs_attributes *attributes, struct rkt_error *err);
