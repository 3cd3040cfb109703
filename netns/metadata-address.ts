/** The address of the metadata service, on the host's loopback link while the service runs. */

import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';

/** Adds `address`/32 with scope host to the loopback link; nothing happens where it is there. Throws a RktError. */
export async function ensureMetadataAddress(address: string): Promise<void> {
  const { addLoopbackAddress } = await import('./host-netlink.ts');
  await explain('add', address, addLoopbackAddress(address));
}

/** Removes the address; nothing happens where it is gone. Throws a RktError. */
export async function removeMetadataAddress(address: string): Promise<void> {
  const { removeLoopbackAddress } = await import('./host-netlink.ts');
  await explain('remove', address, removeLoopbackAddress(address));
}

async function explain(verb: string, address: string, work: Promise<boolean>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const forbidden = errnoOf(error) === 'EPERM';
    const reason = forbidden ? 'only root may' : messageOf(error);
    throw new RktError(`cannot ${verb} the address ${address} of the metadata service: ${reason}`, {
      code: forbidden ? 'ENOTROOT' : 'ENETWORK',
      cause: error,
      ...(forbidden ? { hint: 'run it as root, with the capability CAP_NET_ADMIN' } : {}),
    });
  }
}
