// Files that say what a pod is, loaded where the user names one (deploy/bundle.ts).
export { readEnvironmentFile } from './env-file.ts';
export { readPodManifest } from './given-manifest.ts';
