#include "stage1/message.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool debug_enabled;
static int output = STDERR_FILENO;

static void print(const char *prefix, const char *format, va_list args) {
  char line[2048];
  int length = snprintf(line, sizeof(line), "%s", prefix);
  int more = vsnprintf(line + length, sizeof(line) - (size_t)length - 1, format, args);
  if (more < 0)
    return;
  size_t end = strlen(line);
  line[end] = '\n';
  /* Nothing can be done about one that takes no more. */
  ssize_t ignored = write(output, line, end + 1);
  (void)ignored;
}

void message_print(const char *format, ...) {
  va_list args;
  va_start(args, format);
  print("rkt: ", format, args);
  va_end(args);
}

void message_debug(const char *format, ...) {
  if (!debug_enabled)
    return;
  va_list args;
  va_start(args, format);
  print("rkt: debug: ", format, args);
  va_end(args);
}

void message_enable_debug(void) { debug_enabled = true; }

int message_set_output(int fd) {
  int former = output;
  output = fd;
  return former;
}
