/* Bytes on their way from one descriptor to another, for loops around poll(2). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct relay_buffer {
  size_t start;
  size_t end;
  unsigned char data[4096];
};

bool relay_buffer_is_empty(const struct relay_buffer *buffer);

/* Reads into an empty buffer. 1: there is something, 0: not now, -1: there will be nothing more. */
int relay_buffer_fill(struct relay_buffer *buffer, int fd);

/* Writes what can be written. False where the other side is gone. */
bool relay_buffer_drain(struct relay_buffer *buffer, int fd);
