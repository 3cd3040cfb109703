#include "stage1/execute.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* An empty element is the working directory, then what confstr(_CS_PATH) says. */
#define DEFAULT_PATH ":/bin:/usr/bin"

static const char *find_path(const struct plan_list *env) {
  for (size_t i = 0; i < env->count; i++)
    if (strncmp(plan_strings(env)[i], "PATH=", 5) == 0)
      return plan_strings(env)[i] + 5;
  return DEFAULT_PATH;
}

/* Errors that mean: not here, maybe in the next directory. */
static bool search_goes_on(int errnum) { return errnum == ENOENT || errnum == ENOTDIR || errnum == EACCES; }

static int search(const char *path, char **argv, char **env) {
  int found = ENOENT;
  const char *name = argv[0];
  for (const char *at = path;; at++) {
    size_t length = strcspn(at, ":");
    char candidate[PATH_MAX];
    if (length + strlen(name) + sizeof("/.") < sizeof(candidate)) {
      memcpy(candidate, at, length);
      /* "./name" for an empty element, so that the program never sees a name that looks looked up. */
      memcpy(candidate + length, length == 0 ? "./" : "/", length == 0 ? 3 : 2);
      strncat(candidate, name, sizeof(candidate) - strlen(candidate) - 1);
      execve(candidate, argv, env);
      if (!search_goes_on(errno))
        return errno;
      if (errno == EACCES)
        found = EACCES;
    }
    at += length;
    if (*at == '\0')
      return found;
  }
}

int execute(const struct plan_app *app, const struct plan_command *command, struct rkt_error *err) {
  char **argv = plan_strings(&command->args);
  char **env = plan_strings(&app->env);
  if (strchr(argv[0], '/') == NULL) {
    int errnum = search(find_path(&app->env), argv, env);
    return rkt_fail(err, errnum, "executing \"%s\"", argv[0]);
  }
  execve(argv[0], argv, env);
  int errnum = errno;
  struct stat status;
  if (errnum == ENOENT && stat(argv[0], &status) == 0)
    return rkt_fail(err, errnum, "executing \"%s\": its interpreter or dynamic loader is missing", argv[0]);
  return rkt_fail(err, errnum, "executing \"%s\"", argv[0]);
}
