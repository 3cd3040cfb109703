export { type ListedKey, listKeys } from './key-list.ts';
export { KeyStore, type KeyStoreOptions } from './key-store.ts';
export { isDomain, isProven, readKeyLocation } from './locations.ts';
export { checkPrefix } from './prefix.ts';
export { type TrustRequest, trustKeys } from './trust-keys.ts';
export { untrustKey } from './untrust.ts';
export { SignatureCheck, type Signer, type Trust, type Verdict, type VerifyOptions, verifyDetached } from './verify.ts';
