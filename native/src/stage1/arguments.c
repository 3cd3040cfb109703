#include "stage1/arguments.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* `--net` matches "--net=" too: its value may be left out. */
static bool matches(const char *argument, const char *known) {
  size_t length = strlen(known);
  if (known[length - 1] != '=')
    return strcmp(argument, known) == 0;
  return strncmp(argument, known, length) == 0 || (strlen(argument) == length - 1 && strncmp(argument, known, length - 1) == 0);
}

static bool is_known(const char *argument, const char *const *known) {
  for (; *known != NULL; known++)
    if (matches(argument, *known))
      return true;
  return false;
}

static const char *value_of(const char *argument, const char *option) {
  size_t length = strlen(option);
  return strncmp(argument, option, length) == 0 ? argument + length : NULL;
}

static int add_env(char *value, int argc, struct arguments *arguments, struct rkt_error *err) {
  if (strchr(value, '=') == NULL)
    return rkt_fail(err, 0, "--env takes NAME=VALUE");
  if (arguments->env == NULL)
    arguments->env = calloc((size_t)argc, sizeof(char *));
  if (arguments->env == NULL)
    return rkt_fail(err, ENOMEM, "reading the arguments");
  size_t count = 0;
  while (arguments->env[count] != NULL)
    count++;
  arguments->env[count] = value;
  return 0;
}

/* Numbers with commas between them, maybe none. The array is there for as long as the process lives. */
static int parse_ids(const char *option, const char *text, const uint32_t **ret_ids, size_t *ret_count,
                     struct rkt_error *err) {
  uint32_t *ids = calloc(strlen(text) / 2 + 1, sizeof(uint32_t));
  if (ids == NULL)
    return rkt_fail(err, ENOMEM, "reading the arguments");
  size_t count = 0;
  for (const char *at = text; *at != '\0';) {
    char *end;
    errno = 0;
    unsigned long id = strtoul(at, &end, 10);
    /* 2^32-1 is what setresuid(2) takes for "as it is". */
    if (*at < '0' || *at > '9' || errno != 0 || id >= UINT32_MAX || (*end != ',' && *end != '\0') ||
        (*end == ',' && end[1] == '\0')) {
      free(ids);
      return rkt_fail(err, 0, "%s%s: not a number from 0 to %u", option, text, UINT32_MAX - 1);
    }
    ids[count++] = (uint32_t)id;
    at = *end == ',' ? end + 1 : end;
  }
  *ret_ids = ids;
  *ret_count = count;
  return 0;
}

static int parse_id(const char *option, const char *text, const uint32_t **ret_id, struct rkt_error *err) {
  size_t count = 0;
  int result = parse_ids(option, text, ret_id, &count, err);
  return result == 0 && count != 1 ? rkt_fail(err, 0, "%s%s: not one number", option, text) : result;
}

static int take_identity(const char *argument, struct arguments *arguments, struct rkt_error *err) {
  const char *value;
  if ((value = value_of(argument, "--uid=")) != NULL)
    return parse_id("--uid=", value, &arguments->uid, err);
  if ((value = value_of(argument, "--gid=")) != NULL)
    return parse_id("--gid=", value, &arguments->gid, err);
  if ((value = value_of(argument, "--gids=")) != NULL)
    return parse_ids("--gids=", value, &arguments->groups, &arguments->group_count, err);
  return 0;
}

static void take_option(const char *argument, struct arguments *arguments) {
  const char *value;
  if (strcmp(argument, "--debug") == 0 || strcmp(argument, "--debug=true") == 0)
    arguments->debug = true;
  else if (strcmp(argument, "--force") == 0)
    arguments->force = true;
  else if (strcmp(argument, "--tty") == 0)
    arguments->terminal = true;
  else if (strcmp(argument, "--no-tty") == 0)
    arguments->no_terminal = true;
  else if ((value = value_of(argument, "--cwd=")) != NULL)
    arguments->cwd = value;
  else if ((value = value_of(argument, "--or=")) != NULL)
    arguments->fallback = value;
  else if ((value = value_of(argument, "--pid=")) != NULL)
    arguments->pid = value;
  else if ((value = value_of(argument, "--appname=")) != NULL)
    arguments->app = value;
}

int arguments_parse(int argc, char **argv, const char *const *known, struct arguments *ret_arguments,
                    struct rkt_error *err) {
  struct arguments arguments = {0};
  int at = 1;
  for (; at < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2] != '\0'; at++) {
    if (!is_known(argv[at], known))
      return rkt_fail(err, 0, "unknown option %s", argv[at]);
    take_option(argv[at], &arguments);
    int result = strncmp(argv[at], "--env=", 6) == 0 ? add_env(argv[at] + 6, argc, &arguments, err)
                                                           : take_identity(argv[at], &arguments, err);
    if (result < 0)
      return result;
  }
  if (at < argc && strcmp(argv[at], "--") == 0)
    arguments.command = at + 1 < argc ? argv + at + 1 : NULL;
  else if (at + 1 == argc)
    arguments.uuid = argv[at];
  else
    return rkt_fail(err, 0, at == argc ? "the last argument must be the pod's UUID" : "arguments after the pod's UUID");
  *ret_arguments = arguments;
  return 0;
}
