#include "stage1/inner-pid.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

pid_t inner_pid(pid_t pid) {
  char path[64];
  char text[4096];
  snprintf(path, sizeof(path), "/proc/%d/status", pid);
  cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
  if (length < 0)
    return pid;
  text[length] = '\0';
  const char *line = strstr(text, "\nNSpid:");
  const char *end = line == NULL ? NULL : strchr(line + 1, '\n');
  if (end == NULL)
    return pid;
  const char *last = memrchr(line, '\t', (size_t)(end - line));
  return last == NULL ? pid : (pid_t)strtol(last + 1, NULL, 10);
}
