// What is done to images by hand, loaded by `rkt image` (deploy/bundle.ts).
export { type BuildOptions, type BuiltImage, buildAci } from '../build.ts';
export { checkImage, damageError, type Findings, repairTree } from './check.ts';
export { composeManifest, type ManifestRequest } from './compose-manifest.ts';
export { exportImage } from './export.ts';
export { type ExtractOptions, extractImage, renderImage } from './extract.ts';
export { type OutputOptions, writeOutput } from './output.ts';
export { collectImages, type FindUse, removeImage, removeUnused, type Use } from './remove.ts';
