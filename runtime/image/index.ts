// The writer of images (build.ts) is not among these: it would load npm's tar on every start of rkt.
export type { ImageInfo, Verification } from './image-info.ts';
export { findExecutable, lookupUser, type UserIds } from './lookup.ts';
export { type Damage, ImageStore, type ImportOptions } from './store.ts';
