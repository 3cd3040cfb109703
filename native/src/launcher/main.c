/*
 * bin/rkt: finds the tree that it was installed in and becomes node running rkt's bundle.
 *
 * A shell script would cost a shell on every start and would let NODE_OPTIONS of the caller into a root process.
 * Node raises the soft limit of open files to the hard one when it starts; the limit that the user had is handed on in
 * RKT_NOFILE so that apps get theirs unchanged.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define EXIT_RKT_FAILED 254

/*
 * MiB of new objects after which V8 first looks for garbage. Its own half a MiB is used up in the middle of a start; the threads
 * that then collect cost several milliseconds more when node is replaced by stage1. Not one of the flags that the compiled code
 * beside the bundle depends on.
 */
static const char young_heap[] = "--min-semi-space-size=4";

static int fail(const char *what) {
  fprintf(stderr, "rkt: %s: %s\n", what, strerror(errno));
  return EXIT_RKT_FAILED;
}

int main(int argc, char **argv) {
  char self[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
  if (length < 0)
    return fail("finding the installation (is /proc mounted?)");
  self[length] = '\0';

  const char *prefix = dirname(dirname(self));
  char node[PATH_MAX], bundle[PATH_MAX];
  if (snprintf(node, sizeof(node), "%s/lib/rkt/node", prefix) >= (int)sizeof(node) ||
      snprintf(bundle, sizeof(bundle), "%s/lib/rkt/main.cjs", prefix) >= (int)sizeof(bundle)) {
    errno = ENAMETOOLONG;
    return fail(prefix);
  }

  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    char soft[32];
    snprintf(soft, sizeof(soft), "%llu", (unsigned long long)files.rlim_cur);
    setenv("RKT_NOFILE", soft, 1);
  }
  unsetenv("NODE_OPTIONS");

  char **args = calloc((size_t)argc + 4, sizeof(*args));
  if (args == NULL)
    return fail("starting");
  size_t count = 0;
  args[count++] = argc > 0 ? argv[0] : (char *)"rkt";
  args[count++] = (char *)young_heap;
  args[count++] = bundle;
  for (int i = 1; i < argc; i++)
    args[count++] = argv[i];

  execv(node, args);
  return fail(node);
}
