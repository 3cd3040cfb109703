/** Bounds on what an archive may ask for, so that a hostile one is refused instead of filling memory or disk. */

/** Entries of one archive. The largest images in public registries have a few hundred thousand. */
export const maxEntries = 2_000_000;

/** Bytes of one extended header or long name: room for 64 KiB attributes, the kernel's limit, several times over. */
export const maxMetaBytes = 1024 * 1024;

/** Bytes of a path inside an archive: PATH_MAX without the NUL. */
export const maxPathBytes = 4095;

/** Levels of dependencies below an image. */
export const maxDependencyDepth = 32;

/** Trees that make up one root filesystem: overlayfs takes 500 lower directories (OVL_MAX_STACK). */
export const maxStack = 500;
