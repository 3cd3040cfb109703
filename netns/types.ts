/** What a pod's private network is, as it is recorded in the pod's directory. */

export type PodNetworkKind = 'default' | 'default-restricted';

export type PortProtocol = 'tcp' | 'udp';

/** A port of the host that leads to one of a pod. */
export interface PortForward {
  readonly protocol: PortProtocol;
  /** An address of the host, as a dotted quad; absent: all of them, 127.0.0.1 included. */
  readonly hostIp?: string;
  readonly hostPort: number;
  readonly podPort: number;
}

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
  /** Ports of the host that lead to the pod; absent: none. */
  forwards?: readonly PortForward[];
}

/** The name of the host's end of a pod's link: it is found by the uuid, and nothing else is named like it. */
export function hostInterfaceOf(uuid: string): string {
  return `rkt${uuid.replaceAll('-', '').slice(0, 12)}`;
}
