/*
 * One pass over the bytes of an archive: they are hashed as they come, copied to a file, decompressed, and hashed again. Memory
 * is what the decompressor needs and the caller's buffers, whatever the archive's size.
 *
 * Every function follows the convention of common/error.h. EBADMSG: the compressed data is damaged or cut short.
 */
#pragma once

#include <stdint.h>

#include "addon/hash.h"
#include "common/error.h"

struct rkt_stream;

struct rkt_stream_options {
  const char *compression; /* "none", "gzip" or "zstd" */
  const char *raw_hash;    /* "sha256", "sha512", or NULL: the bytes are not hashed as they come */
  const char *content_hash;
  int copy_fd; /* where the bytes go as they come; -1: nowhere. Stays the caller's. */
};

int rkt_stream_new(const struct rkt_stream_options *options, struct rkt_stream **ret, struct rkt_error *err);
void rkt_stream_free(struct rkt_stream *stream);

struct rkt_stream_step {
  const uint8_t *in;
  size_t in_length;
  uint8_t *out; /* not used without compression: the content is what comes in */
  size_t out_capacity;
  size_t ret_consumed;
  size_t ret_produced;
};

/*
 * Takes bytes in and gives bytes out, until one of the buffers is used up. Where the whole of `out` was filled more may be
 * waiting, also with nothing new to take in.
 */
int rkt_stream_step(struct rkt_stream *stream, struct rkt_stream_step *step, struct rkt_error *err);

/* Nothing more comes in. */
int rkt_stream_end(struct rkt_stream *stream, struct rkt_error *err);

/* After rkt_stream_end, once: the digests, whose lengths are 0 where nothing was hashed. */
int rkt_stream_digests(struct rkt_stream *stream, uint8_t ret_raw[RKT_HASH_MAX_SIZE], int *ret_raw_length,
                       uint8_t ret_content[RKT_HASH_MAX_SIZE], int *ret_content_length, struct rkt_error *err);
