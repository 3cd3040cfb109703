/*
 * createNetns, createUserNamespace, removeNetns: see Namespaces of native/index.ts.
 *
 * A creation is a job: a thread of its own does the work and tells node by a thread-safe function. Two things end a job's
 * life, whichever comes first: node's loop runs the completion, or the environment (a worker, or the process) goes away
 * while the thread is busy. Then the cleanup hook waits for the thread, which is a matter of milliseconds: the code it runs
 * is unmapped with the worker's copy of the addon.
 */
#include <errno.h>
#include <stdlib.h>

#include "binding.h"
#include "common/cleanup.h"
#include "netns.h"

struct job {
  napi_env env;
  napi_deferred deferred;
  napi_threadsafe_function done;
  pthread_t thread;
  bool joinable;
  char *path;
  struct rkt_userns users; /* its path is NULL where only a network namespace is made */
  int result;
  const char *syscall_name;
  struct rkt_error err;
};

static void join(struct job *job) {
  if (job->joinable)
    pthread_join(job->thread, NULL);
  job->joinable = false;
}

static void job_free(struct job *job) {
  free(job->path);
  free(job->users.path);
  free(job->users.netns);
  free(job);
}

/* On the job's thread. The calls fail only where node is closing; then nobody waits for the result. */
static void *run(void *argument) {
  struct job *job = argument;
  job->result = job->users.path == NULL ? rkt_netns_create(job->path, &job->syscall_name, &job->err)
                                        : rkt_userns_create(&job->users, &job->syscall_name, &job->err);
  if (napi_call_threadsafe_function(job->done, NULL, napi_tsfn_nonblocking) != napi_ok) {
    /* The completion will not run; the finalizer still does. */
  }
  if (napi_release_threadsafe_function(job->done, napi_tsfn_release) != napi_ok) {
    /* Closing already. */
  }
  return NULL;
}

/* On node's thread: settles the promise. env is NULL where the environment is going away. */
static void settle(napi_env env, napi_value callback, void *context, void *data) {
  (void)callback;
  (void)data;
  struct job *job = context;
  if (env == NULL)
    return;
  napi_value value;
  napi_status status;
  if (job->result < 0) {
    status = rkt_create_error(env, &job->err, job->syscall_name, &value);
    if (status == napi_ok)
      status = napi_reject_deferred(env, job->deferred, value);
  } else {
    status = napi_get_undefined(env, &value);
    if (status == napi_ok)
      status = napi_resolve_deferred(env, job->deferred, value);
  }
  if (status != napi_ok)
    rkt_throw_napi(env);
}

static void at_exit(void *data) { join(data); }

/* The last thing that happens to a job whose thread-safe function was made. */
static void finalize(napi_env env, void *data, void *hint) {
  (void)hint;
  struct job *job = data;
  join(job);
  if (napi_remove_env_cleanup_hook(env, at_exit, job) != napi_ok) {
    /* Only an invalid argument fails; a hook that has run is no error. */
  }
  job_free(job);
}

/* Makes the thread-safe function and the hook; from here on finalize() frees the job. */
static bool prepare(napi_env env, struct job *job) {
  napi_value name;
  if (napi_create_string_utf8(env, "rkt:createNetns", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, job, finalize, job, settle, &job->done) != napi_ok) {
    job_free(job);
    return false;
  }
  /* Hooks run in reverse order: ours waits for the thread before the thread-safe function is closed. */
  if (napi_add_env_cleanup_hook(env, at_exit, job) != napi_ok) {
    if (napi_release_threadsafe_function(job->done, napi_tsfn_abort) != napi_ok)
      return false;
    return false;
  }
  return true;
}

/* Takes over the job. */
static napi_value start(napi_env env, struct job *job) {
  napi_value promise;
  job->env = env;
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok) {
    job_free(job);
    return rkt_throw_napi(env);
  }
  if (!prepare(env, job))
    return rkt_throw_napi(env);

  struct rkt_error err;
  if (rkt_thread_start(&job->thread, run, job, &err) < 0) {
    napi_status released = napi_release_threadsafe_function(job->done, napi_tsfn_abort);
    return released == napi_ok ? rkt_throw(env, &err, "pthread_create") : rkt_throw_napi(env);
  }
  job->joinable = true;
  return promise;
}

static napi_value create_netns(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "createNetns: path", &path))
    return NULL;
  struct job *job = calloc(1, sizeof(*job));
  if (job == NULL) {
    free(path);
    return rkt_throw_errno(env, ENOMEM, NULL, "making a network namespace");
  }
  job->path = path;
  return start(env, job);
}

/* createUserNamespace(path, shift, range, netns): an empty netns is none. */
static napi_value create_userns(napi_env env, napi_callback_info info) {
  napi_value argv[4];
  struct job *job = calloc(1, sizeof(*job));
  if (job == NULL)
    return rkt_throw_errno(env, ENOMEM, NULL, "making a user namespace");
  struct rkt_userns *users = &job->users;
  if (!rkt_get_args(env, info, 4, argv) ||
      !rkt_get_string(env, argv[0], "createUserNamespace: path", &users->path) ||
      !rkt_get_uint32(env, argv[1], "createUserNamespace: shift", &users->shift) ||
      !rkt_get_uint32(env, argv[2], "createUserNamespace: range", &users->range) ||
      !rkt_get_string(env, argv[3], "createUserNamespace: netns", &users->netns)) {
    job_free(job);
    return NULL;
  }
  if (users->netns[0] == '\0') {
    free(users->netns);
    users->netns = NULL;
  }
  return start(env, job);
}

static napi_value remove_netns(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  cleanup_free char *path = NULL;
  if (!rkt_get_args(env, info, 1, argv) || !rkt_get_string(env, argv[0], "removeNetns: path", &path))
    return NULL;
  struct rkt_error err;
  const char *syscall_name = NULL;
  if (rkt_netns_remove(path, &syscall_name, &err) < 0)
    return rkt_throw(env, &err, syscall_name);
  return NULL;
}

bool rkt_register_netns(napi_env env, napi_value exports) {
  static const struct rkt_method methods[] = {{"createNetns", create_netns},
                                             {"createUserNamespace", create_userns},
                                             {"removeNetns", remove_netns}};
  return rkt_define_methods(env, exports, methods, sizeof(methods) / sizeof(methods[0]));
}
