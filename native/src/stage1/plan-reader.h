/* Reads tagged records into structures, driven by tables. Knows the encoding of a plan and nothing of its meaning. */
#pragma once

#include "stage1/plan.h"

enum plan_kind { PLAN_KIND_U32, PLAN_KIND_U64, PLAN_KIND_STRING, PLAN_KIND_PATH, PLAN_KIND_BYTES, PLAN_KIND_GROUP };

#define PLAN_REQUIRED 1u
#define PLAN_REPEATED 2u
#define PLAN_MAY_BE_EMPTY 4u
/* A path without empty, `.` or `..` components. */
#define PLAN_CLEAN 8u

struct plan_field {
  uint16_t tag;
  const char *name;
  enum plan_kind kind;
  unsigned flags;
  size_t offset;     /* of the member in the structure */
  uint64_t maximum;  /* numbers: the largest value; strings and bytes: the greatest length; 0: what the kind allows */
  const struct plan_schema *group;
};

struct plan_schema {
  size_t size;
  const void *defaults; /* a structure to start from, or NULL for zeros */
  const struct plan_field *fields;
  size_t count;
  /* What the table cannot say. Returns NULL or what is wrong, with the field at fault in `ret_field`. */
  const char *(*check)(const void *item, const struct plan_field **ret_field);
};

/*
 * Reads the records in buffer[start..end) into `item`, which the caller filled with the schema's defaults.
 * `start` is also what errors name as the offset of the group. Memory is chained to `blocks` (see plan_release).
 */
int plan_read_group(const struct plan_schema *schema, unsigned char *buffer, size_t start, size_t end, void *item,
                    struct plan_block **blocks, struct rkt_error *err);

/* Zeroed memory that lives until plan_release. */
void *plan_allocate(struct plan_block **blocks, size_t size, struct rkt_error *err);
void plan_release(struct plan_block **blocks);
/* Adds the chain `more` to the end of `blocks`. */
void plan_chain(struct plan_block **blocks, struct plan_block *more);
