/** Apps to which a socket of the host's network must not be given. */

import { RktError } from '../../base/errors.ts';
import type { AppSockets } from '../../stage1/launch.ts';

/** CAP_NET_ADMIN of capabilities(7), as a bit of a set. */
const netAdmin = 1n << 12n;

/**
 * By a socket its network is administered, whatever network its holder is in: an ioctl of netdevice(7) counts where the socket is from.
 * To an app with CAP_NET_ADMIN in a network of its own, one that was passed would give the host's. Errors: EACTIVATION.
 */
export function refuseNetworkAdmins(sockets: AppSockets, capsBounding: (app: string) => bigint): void {
  for (const [app, its] of sockets) {
    if (!its.some((socket) => 'fd' in socket) || (capsBounding(app) & netAdmin) === 0n) continue;
    throw new RktError(
      `app "${app}" has CAP_NET_ADMIN, and with the socket that was passed for it also in the host's network`,
      {
        code: 'EACTIVATION',
        hint: 'take the capability from it, give the pod users of its own (--private-users), or let rkt open the socket in the pod',
      },
    );
  }
}
