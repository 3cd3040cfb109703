/*
 * Decompression (native/src/addon/unpack-stream.c) of arbitrary bytes: the first byte chooses the compression and how large
 * the pieces are. The bytes come in allocations of exactly their size, and so does what comes out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "addon/unpack-stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void fuzz_put_right(uint8_t *data, size_t size);

/* Every input gets as far as it can. */
void fuzz_put_right(uint8_t *data, size_t size) {
  (void)data;
  (void)size;
}

/* More than this comes out of a small input only where it is made to; enough was seen then. */
enum { most_steps = 4096 };

static void feed(struct rkt_stream *stream, const uint8_t *data, size_t size, size_t piece, size_t room) {
  struct rkt_error err = {0};
  uint8_t *out = malloc(room);
  size_t at = 0;
  if (out == NULL)
    abort();
  for (int steps = 0; steps < most_steps; steps++) {
    size_t length = size - at < piece ? size - at : piece;
    uint8_t *in = malloc(length == 0 ? 1 : length);
    if (in == NULL)
      abort();
    memcpy(in, data + at, length);
    struct rkt_stream_step step = {.in = in, .in_length = length, .out = out, .out_capacity = room};
    int result = rkt_stream_step(stream, &step, &err);
    free(in);
    if (result < 0) {
      if (err.errnum <= 0)
        abort();
      break;
    }
    if (step.ret_consumed > length || (step.ret_produced > room && step.ret_produced != length))
      abort();
    at += step.ret_consumed;
    if (at == size && step.ret_produced < room)
      break;
    if (step.ret_consumed == 0 && step.ret_produced == 0)
      break;
  }
  free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const names[] = {"gzip", "none"};
  if (size < 1)
    return 0;
  struct rkt_error err = {0};
  const struct rkt_stream_options options = {
      .compression = names[data[0] & 1], .raw_hash = "sha256", .content_hash = "sha512", .copy_fd = -1};
  struct rkt_stream *stream;
  if (rkt_stream_new(&options, &stream, &err) < 0)
    abort();
  feed(stream, data + 1, size - 1, 1 + (size_t)(data[0] >> 1 & 7) * 37, 1 + (size_t)(data[0] >> 4) * 61);
  if (rkt_stream_end(stream, &err) < 0 && err.errnum <= 0)
    abort();
  rkt_stream_free(stream);
  return 0;
}
