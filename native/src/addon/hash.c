#include "addon/hash.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

struct rkt_hash {
  EVP_MD_CTX *context;
};

static const EVP_MD *algorithm_by_name(const char *name) {
  if (strcmp(name, "sha256") == 0)
    return EVP_sha256();
  return strcmp(name, "sha512") == 0 ? EVP_sha512() : NULL;
}

int rkt_hash_new(const char *algorithm, struct rkt_hash **ret, struct rkt_error *err) {
  const EVP_MD *digest = algorithm_by_name(algorithm);
  if (!digest)
    return rkt_fail(err, EINVAL, "hashing with %s", algorithm);
  struct rkt_hash *hash = calloc(1, sizeof(*hash));
  if (!hash)
    return rkt_fail(err, ENOMEM, "hashing with %s", algorithm);
  hash->context = EVP_MD_CTX_new();
  if (!hash->context || EVP_DigestInit_ex(hash->context, digest, NULL) != 1) {
    rkt_hash_free(hash);
    return rkt_fail(err, ENOMEM, "hashing with %s", algorithm);
  }
  *ret = hash;
  return 0;
}

int rkt_hash_update(struct rkt_hash *hash, const void *bytes, size_t length, struct rkt_error *err) {
  return EVP_DigestUpdate(hash->context, bytes, length) == 1 ? 0 : rkt_fail(err, EINVAL, "hashing %zu bytes", length);
}

int rkt_hash_finish(struct rkt_hash *hash, uint8_t ret_digest[RKT_HASH_MAX_SIZE], struct rkt_error *err) {
  unsigned int length = 0;
  if (EVP_DigestFinal_ex(hash->context, ret_digest, &length) != 1)
    return rkt_fail(err, EINVAL, "ending a hash");
  return (int)length;
}

void rkt_hash_free(struct rkt_hash *hash) {
  EVP_MD_CTX_free(hash->context);
  free(hash);
}
