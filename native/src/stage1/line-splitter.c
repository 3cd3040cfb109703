#include "stage1/line-splitter.h"

#include <string.h>

bool line_split(const char *data, size_t length, size_t limit, bool flush, struct line_piece *ret_piece) {
  size_t looked_at = length < limit ? length : limit;
  const char *newline = looked_at == 0 ? NULL : memchr(data, '\n', looked_at);
  if (newline != NULL) {
    *ret_piece = (struct line_piece){.length = (size_t)(newline - data), .complete = true};
    return true;
  }
  if (looked_at == 0 || (looked_at < limit && !flush))
    return false;
  *ret_piece = (struct line_piece){.length = looked_at};
  return true;
}
