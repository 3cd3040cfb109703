/*
 * Network namespaces, made and entered by threads that end afterwards.
 *
 * A thread that has unshared or entered a namespace must not run anything of node, so none of this happens on a thread of
 * node's or of libuv's pool: those live on.
 */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "common/error.h"

/* Starts a joinable thread with a small stack and every signal blocked: node's handlers must not run on it. */
int rkt_thread_start(pthread_t *ret_thread, void *(*run)(void *), void *argument, struct rkt_error *err);

/*
 * Moves the CALLING THREAD into a new network namespace, sets its loopback up and pins the namespace by a bind mount on
 * `path`, which is made and must not exist (-EEXIST); its directory must. On failure the file is gone again. The thread is
 * to end afterwards. *ret_syscall names the call that failed.
 */
int rkt_netns_create(const char *path, const char **ret_syscall, struct rkt_error *err);

/* Sets up the loopback of the calling thread's network namespace. */
int rkt_netns_set_loopback_up(const char **ret_syscall, struct rkt_error *err);

struct rkt_userns {
  char *path; /* where the user namespace is pinned */
  uint32_t shift; /* the id on the host that is 0 inside, for users and groups */
  uint32_t range; /* how many there are */
  char *netns; /* where a network namespace that belongs to it is pinned; NULL: none is made */
};

/*
 * Makes and pins namespaces as above. A network namespace that belongs to the user namespace obeys the root of that one: it may
 * listen on every port and send raw packets. MOVES THE CALLING THREAD into it, if there is one; the thread is to end afterwards.
 */
int rkt_userns_create(const struct rkt_userns *users, const char **ret_syscall, struct rkt_error *err);

/* Unmounts and removes a pin; no error where it is gone already. The namespace goes with its last user. */
int rkt_netns_remove(const char *path, const char **ret_syscall, struct rkt_error *err);

/*
 * socket(2) inside the network namespace at `path`, by a thread that enters it and ends. The socket belongs to that
 * namespace for good. SOCK_CLOEXEC is added to `type`.
 */
int rkt_netns_socket(const char *path, int domain, int type, int protocol, int *ret_fd, const char **ret_syscall,
                     struct rkt_error *err);
