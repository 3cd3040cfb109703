/** Annotations of images that came from a registry: docker2aci's, and what its names have no word for. */
export const dockerAnnotations = {
  original: 'appc.io/docker/originalname',
  registry: 'appc.io/docker/registryurl',
  repository: 'appc.io/docker/repository',
  tag: 'appc.io/docker/tag',
  imageId: 'appc.io/docker/imageid',
  manifest: 'appc.io/docker/manifesthash',
  entrypoint: 'appc.io/docker/entrypoint',
  cmd: 'appc.io/docker/cmd',
  /** `User` of the configuration where it names no group: the image's /etc/passwd says which groups the user has. */
  user: 'coreos.com/rkt/docker/user',
} as const;
