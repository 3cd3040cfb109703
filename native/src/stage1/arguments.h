/* Command lines of the entrypoints, as rkt's stage1 implementor's guide lays them down. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct arguments {
  const char *uuid;
  bool debug;
  bool force;
  const char *pid;
  const char *app;
  bool terminal;        /* --tty: a terminal, whatever the streams are */
  bool no_terminal;     /* --no-tty: none, whatever the streams are */
  char **env;           /* --env=: NULL-terminated, or NULL; for as long as the process lives */
  const char *cwd;      /* --cwd=: instead of the app's working directory */
  const uint32_t *uid;  /* --uid=, --gid=: instead of the app's; NULL: not given */
  const uint32_t *gid;
  const uint32_t *groups; /* --gids=N,...: instead of the app's supplementary groups; NULL: not given */
  size_t group_count;
  const char *fallback; /* --or=: executed without arguments where the command is not there */
  char **command;       /* after --; NULL-terminated, NULL where there is none */
};

/*
 * Reads options up to the first other argument. Those in `known` that end in `=` take a value; which of them the plan has
 * decided already is nothing to us. The argument that follows is the pod's UUID, unless a command stands after `--`.
 */
int arguments_parse(int argc, char **argv, const char *const *known, struct arguments *ret_arguments,
                    struct rkt_error *err);
