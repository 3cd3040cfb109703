/*
 * The part of zstd's stable interface that unpacking needs. node exports the functions, but its headers do not have zstd.h;
 * names, types and meaning are fixed by zstd's promise for its stable API (zstd.h, "Streaming").
 */
#pragma once

#include <stddef.h>

typedef struct ZSTD_DCtx_s ZSTD_DCtx;

typedef struct {
  const void *src;
  size_t size;
  size_t pos;
} ZSTD_inBuffer;

typedef struct {
  void *dst;
  size_t size;
  size_t pos;
} ZSTD_outBuffer;

ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *context);
/* 0: a frame is complete and flushed; otherwise a hint, or an error. */
size_t ZSTD_decompressStream(ZSTD_DCtx *context, ZSTD_outBuffer *output, ZSTD_inBuffer *input);
unsigned ZSTD_isError(size_t code);
const char *ZSTD_getErrorName(size_t code);
