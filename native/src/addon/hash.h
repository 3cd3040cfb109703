/* Hashing with the OpenSSL that is part of node: its symbols are exported for addons, and its headers come with node's. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#define RKT_HASH_MAX_SIZE 64

struct rkt_hash;

/* `algorithm` is "sha256" or "sha512"; anything else fails with EINVAL. */
int rkt_hash_new(const char *algorithm, struct rkt_hash **ret, struct rkt_error *err);
int rkt_hash_update(struct rkt_hash *hash, const void *bytes, size_t length, struct rkt_error *err);
/* Ends the hash. Returns the digest's length. */
int rkt_hash_finish(struct rkt_hash *hash, uint8_t ret_digest[RKT_HASH_MAX_SIZE], struct rkt_error *err);
void rkt_hash_free(struct rkt_hash *hash);
