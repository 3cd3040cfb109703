/**
 * The OpenPGP library, in one module so that it is a bundle of its own (deploy/bundle.ts): half a megabyte that only
 * signatures and keys need, and LGPL code that whoever installs rkt may want to replace. Import it by
 * `await import('./openpgp.ts')` only; types may be imported from the package.
 */

export { config, enums, readKeys, readSignature, SignaturePacket } from 'openpgp';
