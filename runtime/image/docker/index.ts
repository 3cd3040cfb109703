// What the rest of the image code needs of Docker and OCI registries. Loaded only when a docker:// reference is fetched.
export { type DockerFetchOptions, fetchDockerImage } from './fetch.ts';
export { type DockerReference, parseDockerReference } from './reference.ts';
