/*
 * Streams of apps that one can attach to and detach from: every one is a unix socket in the pod's directory,
 * `attach/<app>/<name>`, mode 0600, and what goes through a connection is the bytes of the stream and nothing else.
 *
 * Whoever is attached gets output from then on, a copy each. One that does not read what it gets is cut off when its
 * socket's buffer is full: the app waits for nobody, and the log has everything. Input of everybody attached goes to the app in the
 * order it comes; when the app does not read it, they wait. The end of an attached one's input is not the end of the app's.
 *
 * An endpoint may have both directions, which is what a terminal needs: its input and its output are the same descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/error.h"

struct attach_server;
struct attach_endpoint;

/* `dir`: of the pod, open as long as the server. */
int attach_server_open(int dir, struct attach_server **ret_server, struct rkt_error *err);

/* Readable when attach_server_handle has something to do. */
int attach_server_poll(const struct attach_server *server);

/*
 * Adds an endpoint. `input`: a descriptor without waiting (O_NONBLOCK) where input goes to, the caller's still; -1: input is thrown
 * away. The endpoint is the server's.
 */
int attach_server_add(struct attach_server *server, const char *app, const char *name, int input,
                      struct attach_endpoint **ret_endpoint, struct rkt_error *err);

void attach_server_handle(struct attach_server *server);

/* Output for everybody attached. */
void attach_endpoint_send(struct attach_endpoint *endpoint, const char *data, size_t length);

/* There is nothing more to come: the attached get what was sent, and nobody can attach any longer. */
void attach_endpoint_end(struct attach_endpoint *endpoint);

/* Ends and removes everything. NULL is fine. */
void attach_server_close(struct attach_server *server);

/* The same in a process that leaves the serving to a child of its own: sockets stay, what input goes to is closed. */
void attach_server_leave(struct attach_server *server);
