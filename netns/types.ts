/** What a pod's private network is, as it is recorded in the pod's directory. */

export type PodNetworkKind = 'default' | 'default-restricted';

export interface PodNetwork {
  /** The network's name: that of its kind. */
  name: string;
  kind: PodNetworkKind;
  /** The link's name in the pod. */
  interface: string;
  /** The name of the link's other end on the host. */
  hostInterface: string;
  /** The pod's address. */
  ip: string;
  /** The address of the host's end: the gateway of the pod. */
  hostIp: string;
  prefixLength: 31;
  /** Where the pod's network namespace is pinned. */
  netns: string;
}

/** The name of the host's end of a pod's link: it is found by the uuid, and nothing else is named like it. */
export function hostInterfaceOf(uuid: string): string {
  return `rkt${uuid.replaceAll('-', '').slice(0, 12)}`;
}
