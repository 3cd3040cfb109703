/** Pod networks: what the rest of rkt uses. How it works is described in docs/networking.md. */

export { type AddressNote, lockAddressNote } from './address-note.ts';
export { checkPodNetwork, listPodLinks } from './check.ts';
export { type DeadServicePaths, removeDeadService, servicePaths } from './dead-service.ts';
export { leasedNetwork, type SetupOptions, setupPodNetwork, startNetns } from './default-network.ts';
export { ensureTable, removeTable } from './firewall.ts';
export { type ForwardOptions, forwardPorts, maxForwards, portsFarewell } from './forwards.ts';
export { ensureMetadataAddress, removeMetadataAddress } from './metadata-address.ts';
export { leadToService } from './service-table.ts';
export { type TeardownOptions, type TeardownSteps, teardownPodNetwork, teardownSteps } from './teardown.ts';
export { hostInterfaceOf, type PodNetwork, type PodNetworkKind, type PortForward, type PortProtocol } from './types.ts';
