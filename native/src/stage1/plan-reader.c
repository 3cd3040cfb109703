#include "stage1/plan-reader.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 8u
#define MAX_STRING (128u << 10)

struct plan_block {
  struct plan_block *next;
  max_align_t data[];
};

struct record {
  size_t offset; /* of its header in the file */
  const struct plan_field *field;
  unsigned char *data;
  size_t length;
};

/* What one pass over a group works with. */
struct reader {
  const struct plan_schema *schema;
  unsigned char *buffer;
  size_t start;
  size_t end;
  void *item;
  struct plan_block **blocks;
  struct rkt_error *err;
  uint32_t seen[PLAN_TAG_LIMIT];
};

void *plan_allocate(struct plan_block **blocks, size_t size, struct rkt_error *err) {
  struct plan_block *block = calloc(1, sizeof(*block) + size);
  if (block == NULL) {
    rkt_fail(err, ENOMEM, "launch plan: allocating %zu bytes", size);
    return NULL;
  }
  block->next = *blocks;
  *blocks = block;
  return block->data;
}

void plan_release(struct plan_block **blocks) {
  while (*blocks != NULL) {
    struct plan_block *next = (*blocks)->next;
    free(*blocks);
    *blocks = next;
  }
}

void plan_chain(struct plan_block **blocks, struct plan_block *more) {
  while (*blocks != NULL)
    blocks = &(*blocks)->next;
  *blocks = more;
}

static uint32_t get_u32(const unsigned char *data) {
  return (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;
}

static const struct plan_field *find_field(const struct plan_schema *schema, uint32_t tag) {
  for (size_t i = 0; i < schema->count; i++)
    if (schema->fields[i].tag == tag)
      return &schema->fields[i];
  return NULL;
}

static int refuse(const struct reader *reader, const struct record *record, const char *reason) {
  return rkt_fail(reader->err, 0, "launch plan: tag %u (%s) at offset %zu: %s", record->field->tag, record->field->name,
                  record->offset, reason);
}

/* Reads the header at *position and moves it past the payload. */
static int next_record(const struct reader *reader, size_t *position, struct record *ret_record) {
  size_t offset = *position;
  if (reader->end - offset < HEADER_SIZE)
    return rkt_fail(reader->err, 0, "launch plan: offset %zu: a record header of 8 bytes does not fit into the %zu left",
                    offset, reader->end - offset);

  const unsigned char *header = reader->buffer + offset;
  uint32_t tag = (uint32_t)header[0] | (uint32_t)header[1] << 8;
  const struct plan_field *field = find_field(reader->schema, tag);
  if (field == NULL)
    return rkt_fail(reader->err, 0, "launch plan: tag %" PRIu32 " at offset %zu: unknown in this group", tag, offset);

  struct record record = {.offset = offset, .field = field, .length = get_u32(header + 4)};
  if (header[2] != 0 || header[3] != 0)
    return refuse(reader, &record, "the bytes after the tag are not zero");
  if (record.length > reader->end - offset - HEADER_SIZE)
    return refuse(reader, &record, "the record reaches past the end of its group");

  record.data = reader->buffer + offset + HEADER_SIZE;
  *position = offset + HEADER_SIZE + record.length;
  *ret_record = record;
  return 0;
}

/* First pass: the shape of the group, and how often each tag stands in it. */
static int count_records(struct reader *reader) {
  for (size_t position = reader->start; position < reader->end;) {
    struct record record;
    int result = next_record(reader, &position, &record);
    if (result < 0)
      return result;
    if (reader->seen[record.field->tag]++ > 0 && (record.field->flags & PLAN_REPEATED) == 0)
      return refuse(reader, &record, "stands here a second time");
  }
  for (size_t i = 0; i < reader->schema->count; i++) {
    const struct plan_field *field = &reader->schema->fields[i];
    if ((field->flags & PLAN_REQUIRED) != 0 && reader->seen[field->tag] == 0)
      return rkt_fail(reader->err, 0, "launch plan: tag %u (%s) is missing in the group at offset %zu", field->tag,
                      field->name, reader->start);
  }
  return 0;
}

static size_t element_size(const struct plan_field *field) {
  switch (field->kind) {
  case PLAN_KIND_U32:
    return sizeof(uint32_t);
  case PLAN_KIND_U64:
    return sizeof(uint64_t);
  case PLAN_KIND_STRING:
  case PLAN_KIND_PATH:
    return sizeof(char *);
  case PLAN_KIND_BYTES:
    return sizeof(struct plan_bytes);
  case PLAN_KIND_GROUP:
    break;
  }
  return field->group->size;
}

/* One element more than there are records: lists of strings end with NULL. */
static int allocate_lists(struct reader *reader) {
  for (size_t i = 0; i < reader->schema->count; i++) {
    const struct plan_field *field = &reader->schema->fields[i];
    if ((field->flags & PLAN_REPEATED) == 0)
      continue;
    struct plan_list *list = (struct plan_list *)((char *)reader->item + field->offset);
    size_t size = element_size(field) * ((size_t)reader->seen[field->tag] + 1);
    list->items = plan_allocate(reader->blocks, size, reader->err);
    if (list->items == NULL)
      return -ENOMEM;
  }
  return 0;
}

static bool is_clean_path(const char *path) {
  for (const char *at = path; *at == '/';) {
    size_t length = strcspn(++at, "/");
    bool last_of_root = length == 0 && at == path + 1 && at[0] == '\0';
    if (!last_of_root && (length == 0 || (length == 1 && at[0] == '.') || (length == 2 && at[0] == '.' && at[1] == '.')))
      return false;
    at += length;
  }
  return true;
}

/*
 * Makes a terminated string of the payload without copying it elsewhere: it moves one byte towards its header, which has
 * been read already, so that the terminator takes the place of the last byte.
 */
static int take_string(const struct reader *reader, const struct record *record, char **ret_string) {
  const struct plan_field *field = record->field;
  size_t maximum = field->maximum != 0 ? (size_t)field->maximum : MAX_STRING;
  if (field->kind == PLAN_KIND_PATH)
    maximum = PATH_MAX - 1;
  if (record->length == 0 && (field->flags & PLAN_MAY_BE_EMPTY) == 0)
    return refuse(reader, record, "the string is empty");
  if (record->length > maximum)
    return refuse(reader, record, "the string is too long");
  if (memchr(record->data, '\0', record->length) != NULL)
    return refuse(reader, record, "the string contains a NUL byte");
  if (field->kind == PLAN_KIND_PATH && record->data[0] != '/')
    return refuse(reader, record, "the path does not start with /");

  char *string = (char *)record->data - 1;
  memmove(string, record->data, record->length);
  string[record->length] = '\0';
  if ((field->flags & PLAN_CLEAN) != 0 && !is_clean_path(string))
    return refuse(reader, record, "the path has an empty, . or .. component");
  *ret_string = string;
  return 0;
}

static int take_number(const struct reader *reader, const struct record *record, uint64_t *ret_number) {
  const struct plan_field *field = record->field;
  size_t size = field->kind == PLAN_KIND_U32 ? 4 : 8;
  if (record->length != size)
    return refuse(reader, record, size == 4 ? "the payload is not 4 bytes" : "the payload is not 8 bytes");
  uint64_t number = get_u32(record->data);
  if (size == 8)
    number |= (uint64_t)get_u32(record->data + 4) << 32;
  if (field->maximum != 0 && number > field->maximum)
    return refuse(reader, record, "the number is out of range");
  *ret_number = number;
  return 0;
}

static int take_bytes(const struct reader *reader, const struct record *record, struct plan_bytes *ret_bytes) {
  if (record->field->maximum != 0 && record->length > record->field->maximum)
    return refuse(reader, record, "the payload is too long");
  *ret_bytes = (struct plan_bytes){.data = record->data, .length = record->length};
  return 0;
}

static int take_group(const struct reader *reader, const struct record *record, void *item) {
  const struct plan_schema *schema = record->field->group;
  if (schema->defaults != NULL)
    memcpy(item, schema->defaults, schema->size);
  size_t start = record->offset + HEADER_SIZE;
  return plan_read_group(schema, reader->buffer, start, start + record->length, item, reader->blocks, reader->err);
}

/* Where the value goes: a member, the next element of a list, or new memory for a group that is optional. */
static void *place_value(const struct reader *reader, const struct plan_field *field, void *member) {
  if ((field->flags & PLAN_REPEATED) != 0) {
    struct plan_list *list = member;
    return (char *)list->items + element_size(field) * list->count++;
  }
  if (field->kind != PLAN_KIND_GROUP)
    return member;
  void *memory = plan_allocate(reader->blocks, field->group->size, reader->err);
  *(void **)member = memory;
  return memory;
}

static int take_record(const struct reader *reader, const struct record *record) {
  const struct plan_field *field = record->field;
  void *place = place_value(reader, field, (char *)reader->item + field->offset);
  if (place == NULL)
    return -ENOMEM;

  uint64_t number;
  int result;
  switch (field->kind) {
  case PLAN_KIND_U32:
    result = take_number(reader, record, &number);
    if (result == 0)
      *(uint32_t *)place = (uint32_t)number;
    return result;
  case PLAN_KIND_U64:
    result = take_number(reader, record, &number);
    if (result == 0)
      *(uint64_t *)place = number;
    return result;
  case PLAN_KIND_STRING:
  case PLAN_KIND_PATH:
    return take_string(reader, record, place);
  case PLAN_KIND_BYTES:
    return take_bytes(reader, record, place);
  case PLAN_KIND_GROUP:
    break;
  }
  return take_group(reader, record, place);
}

int plan_read_group(const struct plan_schema *schema, unsigned char *buffer, size_t start, size_t end, void *item,
                    struct plan_block **blocks, struct rkt_error *err) {
  struct reader reader = {
      .schema = schema, .buffer = buffer, .start = start, .end = end, .item = item, .blocks = blocks, .err = err};
  int result = count_records(&reader);
  if (result == 0)
    result = allocate_lists(&reader);
  for (size_t position = start; result == 0 && position < end;) {
    struct record record;
    result = next_record(&reader, &position, &record);
    if (result == 0)
      result = take_record(&reader, &record);
  }
  if (result < 0 || schema->check == NULL)
    return result;

  const struct plan_field *field = &schema->fields[0];
  const char *reason = schema->check(item, &field);
  if (reason == NULL)
    return 0;
  return rkt_fail(err, 0, "launch plan: tag %u (%s) in the group at offset %zu: %s", field->tag, field->name, start,
                  reason);
}
