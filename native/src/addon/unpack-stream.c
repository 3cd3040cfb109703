#include "addon/unpack-stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "addon/zstd-abi.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

struct rkt_stream {
  enum compression compression;
  z_stream zlib;
  bool zlib_ready;
  ZSTD_DCtx *zstd;
  /* Inside a gzip member or zstd frame; an archive may have several one after the other. */
  bool inside;
  bool saw_part;
  struct rkt_hash *raw, *content;
  int copy_fd;
};

/* A window of 32 KiB, and a header of gzip's form. */
static const int gzip_window = 15 + 16;

static int new_decompressor(struct rkt_stream *stream, const char *name, struct rkt_error *err) {
  if (strcmp(name, "none") == 0) {
    stream->compression = COMPRESSION_NONE;
    return 0;
  }
  if (strcmp(name, "gzip") == 0) {
    stream->compression = COMPRESSION_GZIP;
    stream->zlib_ready = inflateInit2(&stream->zlib, gzip_window) == Z_OK;
    return stream->zlib_ready ? 0 : rkt_fail(err, ENOMEM, "preparing to decompress");
  }
  if (strcmp(name, "zstd") != 0)
    return rkt_fail(err, EINVAL, "decompressing %s", name);
  stream->compression = COMPRESSION_ZSTD;
  stream->zstd = ZSTD_createDCtx();
  return stream->zstd ? 0 : rkt_fail(err, ENOMEM, "preparing to decompress");
}

int rkt_stream_new(const struct rkt_stream_options *options, struct rkt_stream **ret, struct rkt_error *err) {
  struct rkt_stream *stream = calloc(1, sizeof(*stream));
  if (!stream)
    return rkt_fail(err, ENOMEM, "preparing to decompress");
  stream->copy_fd = options->copy_fd;
  int result = new_decompressor(stream, options->compression, err);
  if (result == 0 && options->raw_hash)
    result = rkt_hash_new(options->raw_hash, &stream->raw, err);
  if (result == 0 && options->content_hash)
    result = rkt_hash_new(options->content_hash, &stream->content, err);
  if (result < 0) {
    rkt_stream_free(stream);
    return result;
  }
  *ret = stream;
  return 0;
}

void rkt_stream_free(struct rkt_stream *stream) {
  if (stream->zlib_ready)
    inflateEnd(&stream->zlib);
  if (stream->zstd)
    ZSTD_freeDCtx(stream->zstd);
  if (stream->raw)
    rkt_hash_free(stream->raw);
  if (stream->content)
    rkt_hash_free(stream->content);
  free(stream);
}

/* Zeros after a member are padding; whatever else follows has to be another member. */
static bool next_member(struct rkt_stream *stream) {
  z_stream *zlib = &stream->zlib;
  while (stream->saw_part && zlib->avail_in > 0 && *zlib->next_in == 0) {
    zlib->next_in++;
    zlib->avail_in--;
  }
  if (zlib->avail_in == 0)
    return false;
  if (stream->saw_part)
    inflateReset(zlib);
  stream->inside = stream->saw_part = true;
  return true;
}

static int gunzip(struct rkt_stream *stream, struct rkt_stream_step *step, struct rkt_error *err) {
  z_stream *zlib = &stream->zlib;
  zlib->next_in = (Bytef *)step->in;
  zlib->avail_in = (uInt)step->in_length;
  zlib->next_out = step->out;
  zlib->avail_out = (uInt)step->out_capacity;
  while (zlib->avail_out > 0 && (stream->inside || next_member(stream))) {
    int result = inflate(zlib, Z_NO_FLUSH);
    if (result == Z_STREAM_END)
      stream->inside = false;
    else if (result == Z_BUF_ERROR)
      break;
    else if (result != Z_OK)
      return rkt_fail(err, result == Z_MEM_ERROR ? ENOMEM : EBADMSG, "inflating (%s)", zlib->msg ? zlib->msg : "no reason");
  }
  step->ret_consumed = step->in_length - zlib->avail_in;
  step->ret_produced = step->out_capacity - zlib->avail_out;
  return 0;
}

static int unzstd(struct rkt_stream *stream, struct rkt_stream_step *step, struct rkt_error *err) {
  ZSTD_inBuffer in = {.src = step->in, .size = step->in_length};
  ZSTD_outBuffer out = {.dst = step->out, .size = step->out_capacity};
  while (out.pos < out.size) {
    size_t in_before = in.pos, out_before = out.pos;
    if (!stream->inside && in.pos == in.size)
      break;
    size_t result = ZSTD_decompressStream(stream->zstd, &out, &in);
    if (ZSTD_isError(result))
      return rkt_fail(err, EBADMSG, "decompressing (%s)", ZSTD_getErrorName(result));
    stream->inside = result != 0;
    stream->saw_part = true;
    if (in.pos == in_before && out.pos == out_before)
      break;
  }
  step->ret_consumed = in.pos;
  step->ret_produced = out.pos;
  return 0;
}

static int copy_raw(int fd, const uint8_t *bytes, size_t length, struct rkt_error *err) {
  while (length > 0) {
    ssize_t count = write(fd, bytes, length);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return rkt_fail(err, errno, "writing the copy of an archive");
    bytes += count;
    length -= (size_t)count;
  }
  return 0;
}

static int decompress(struct rkt_stream *stream, struct rkt_stream_step *step, struct rkt_error *err) {
  switch (stream->compression) {
  case COMPRESSION_GZIP:
    return gunzip(stream, step, err);
  case COMPRESSION_ZSTD:
    return unzstd(stream, step, err);
  default:
    step->ret_consumed = step->ret_produced = step->in_length;
    return 0;
  }
}

int rkt_stream_step(struct rkt_stream *stream, struct rkt_stream_step *step, struct rkt_error *err) {
  if (step->in_length > UINT32_MAX || step->out_capacity > UINT32_MAX)
    return rkt_fail(err, EINVAL, "decompressing %zu bytes at once", step->in_length);
  int result = decompress(stream, step, err);
  if (result == 0 && stream->raw)
    result = rkt_hash_update(stream->raw, step->in, step->ret_consumed, err);
  if (result == 0 && stream->content) {
    const uint8_t *content = stream->compression == COMPRESSION_NONE ? step->in : step->out;
    result = rkt_hash_update(stream->content, content, step->ret_produced, err);
  }
  if (result == 0 && stream->copy_fd >= 0)
    result = copy_raw(stream->copy_fd, step->in, step->ret_consumed, err);
  return result;
}

int rkt_stream_end(struct rkt_stream *stream, struct rkt_error *err) {
  if (stream->compression == COMPRESSION_NONE || (stream->saw_part && !stream->inside))
    return 0;
  return rkt_fail(err, EBADMSG, "decompressing (the end is missing)");
}

static int digest_of(struct rkt_hash *hash, uint8_t ret[RKT_HASH_MAX_SIZE], int *ret_length, struct rkt_error *err) {
  int length = hash ? rkt_hash_finish(hash, ret, err) : 0;
  if (length < 0)
    return length;
  *ret_length = length;
  return 0;
}

int rkt_stream_digests(struct rkt_stream *stream, uint8_t ret_raw[RKT_HASH_MAX_SIZE], int *ret_raw_length,
                       uint8_t ret_content[RKT_HASH_MAX_SIZE], int *ret_content_length, struct rkt_error *err) {
  int result = digest_of(stream->raw, ret_raw, ret_raw_length, err);
  return result < 0 ? result : digest_of(stream->content, ret_content, ret_content_length, err);
}
