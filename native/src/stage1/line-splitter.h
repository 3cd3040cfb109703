/* Cuts a stream of bytes into lines, and lines that are too long into pieces. Keeps no state and allocates nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct line_piece {
  size_t length; /* of the text, without the newline */
  bool complete; /* a newline follows */
};

/* How many bytes of the stream the piece stands for. */
static inline size_t line_piece_size(const struct line_piece *piece) { return piece->length + (piece->complete ? 1 : 0); }

/*
 * The first piece of `data`: up to the first newline; or `limit` bytes where no newline is among them; or, with `flush`, what
 * there is. False where none of that is there yet. A line of exactly `limit` bytes may come as a piece that is not complete and
 * an empty one that is.
 */
bool line_split(const char *data, size_t length, size_t limit, bool flush, struct line_piece *ret_piece);
