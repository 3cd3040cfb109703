/** Kernel parameters of a pod (ace.md, os/unix/sysctl): only those that belong to a namespace which the pod has for itself. */

import { RktError } from '../../base/errors.ts';

const ofIpc = /^(kernel\.(shm|msg)|kernel\.sem$|fs\.mqueue\.)/;
const ofUts = /^kernel\.(hostname|domainname)$/;
/** Names joined by dots; a slash stands for a dot inside a name (sysctl.d(5)). */
const key = /^[^./=]+([./][^./=]+)*$/;

export interface PodNamespaces {
  readonly ownNetwork: boolean;
  readonly ownIpc: boolean;
}

function refusal(name: string, { ownNetwork, ownIpc }: PodNamespaces): string | undefined {
  if (!key.test(name)) return 'is not the name of one';
  if (ofUts.test(name)) return undefined;
  if (ofIpc.test(name)) return ownIpc ? undefined : 'is one of the host, whose IPC namespace the pod shares';
  if (name.startsWith('net.')) return ownNetwork ? undefined : 'is one of the host, whose network the pod shares';
  return 'is one of the whole host';
}

/** Errors: EISOLATOR for a parameter that would change the host. */
export function checkSysctls(values: Readonly<Record<string, string>>, namespaces: PodNamespaces): void {
  for (const name of Object.keys(values)) {
    const reason = refusal(name, namespaces);
    if (reason === undefined) continue;
    throw new RktError(`isolator os/unix/sysctl: the kernel parameter "${name}" ${reason}`, {
      code: 'EISOLATOR',
      ...(reason.includes('network') ? { hint: 'give the pod a network of its own with --private-net' } : {}),
    });
  }
}
