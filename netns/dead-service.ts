/** What a metadata service that was killed leaves on the host. */

import { readFileSync, rmSync } from 'node:fs';
import { leaseDir, metadataAddress, metadataAddressNote, metadataSocket } from '../runtime/base/paths.ts';
import { lockAddressNote } from './address-note.ts';
import { removeTable } from './firewall.ts';
import { removeMetadataAddress } from './metadata-address.ts';

export interface DeadServicePaths {
  /** The note about the address: its lock tells whether a service runs. */
  note: string;
  /** The registration socket. */
  socket: string;
  /** The leases of pods: without any, the static nf_tables table goes too. */
  leaseDir: string;
}

/** Where the service and pods of this host have these things. */
export const servicePaths: DeadServicePaths = {
  note: metadataAddressNote(),
  socket: metadataSocket,
  leaseDir: leaseDir('default'),
};

/**
 * Removes what a killed metadata service has left: its address if rkt had added it, its socket unless systemd holds that, its note, and
 * the static nf_tables table if no pod has a lease. False where there is nothing of the kind, or where the service runs. Throws a
 * RktError where something cannot be removed; the note stays then, for the next time.
 */
export async function removeDeadService(paths: DeadServicePaths = servicePaths): Promise<boolean> {
  const note = lockAddressNote(paths.note, false);
  if (note === undefined) return false;
  try {
    if (note.ours === true) await removeMetadataAddress(metadataAddress);
    if (!isBound(paths.socket)) rmSync(paths.socket, { force: true });
  } catch (error) {
    note.close();
    throw error;
  }
  // Before the table, which stays as long as there is a note.
  note.remove();
  removeTable(paths.leaseDir);
  return true;
}

/**
 * Whether anybody has the unix socket of this path. Asked of the kernel's list (proc_net(5)): connecting would make systemd start a
 * service.
 */
function isBound(path: string): boolean {
  return readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .some((line) => line.endsWith(` ${path}`));
}
