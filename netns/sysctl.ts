/**
 * Kernel settings of the host's network, by way of /proc/sys/net. What is seen there is the network namespace of the caller.
 * The settings are documented in Linux Documentation/networking/ip-sysctl.rst.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { errnoOf, messageOf, RktError } from '../runtime/base/errors.ts';

const root = '/proc/sys/net';

/** Writes one setting, e.g. `ipv4/conf/eth0/rp_filter`; with `optional`, only where the kernel has it. */
function write(key: string, value: string, optional = false): void {
  try {
    writeFileSync(`${root}/${key}`, value);
  } catch (error) {
    if (optional && errnoOf(error) === 'ENOENT') return;
    const hint =
      errnoOf(error) === 'EROFS' ? 'mount /proc/sys writable for rkt, or set it to this value beforehand' : undefined;
    throw new RktError(
      `cannot set the kernel setting net.${key.replaceAll('/', '.')} to ${value}: ${messageOf(error)}`,
      {
        code: 'ESYSCTL',
        cause: error,
        ...(hint === undefined ? {} : { hint }),
      },
    );
  }
}

/** Lets the host forward IPv4 packets. Written only where it is off, because writing resets other settings of the host. */
export function enableForwarding(): void {
  if (readFileSync(`${root}/ipv4/ip_forward`, 'latin1').trim() === '0') write('ipv4/ip_forward', '1');
}

/**
 * Lets connections that begin at 127.0.0.1 leave by a pod's link, for ports that are forwarded there. The kernel itself does not keep the
 * pod from 127.0.0.1 of the host any more on this link; loopback-guard.ts does. That sees where a packet goes, not where the
 * sender wants it to be sent on from here, so this is switched off, whatever the host allows otherwise.
 */
export function routeLoopback(name: string): void {
  write(`ipv4/conf/${name}/accept_source_route`, '0');
  write(`ipv4/conf/${name}/route_localnet`, '1');
}

/**
 * Settings of the host's end of a pod's link, before it is set up. A pod must not be able to use another's address
 * on it, nor learn of or configure the host over it.
 */
export function guardHostLink(name: string): void {
  // A source address is accepted only on the link that leads back to it. Other settings of the host can weaken this to the
  // loose mode (the maximum with conf.all counts); the nf_tables rules hold then.
  write(`ipv4/conf/${name}/rp_filter`, '1');
  // Answer ARP only for the address of this link, not for every address of the host.
  write(`ipv4/conf/${name}/arp_ignore`, '1');
  // The pod network is IPv4 only: no link-local address that the pod could reach, no router advertisements from it.
  // A kernel without IPv6 has nothing to switch off.
  write(`ipv6/conf/${name}/disable_ipv6`, '1', true);
}
