/** What the kernel refused, for people: which feature is missing, or what else to do. */

import { errnoOf, isRktError, messageOf, RktError } from '../runtime/base/errors.ts';

/** The part of the work in which an error came up decides what it says about the kernel. */
export type Part = 'netns' | 'link' | 'firewall' | 'ports';

const missing: Record<Part, { errnos: string[]; message: string; hint: string }> = {
  netns: {
    errnos: ['EINVAL', 'ENOSYS'],
    message: 'the kernel has no network namespaces',
    hint: 'private networks need CONFIG_NET_NS; use --net=host on this kernel',
  },
  link: {
    errnos: ['EOPNOTSUPP', 'ENOTSUP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT'],
    message: 'the kernel has no virtual ethernet links (veth)',
    hint: 'private networks need CONFIG_VETH, as a module or built in; use --net=host on this kernel',
  },
  firewall: {
    errnos: ['EOPNOTSUPP', 'ENOTSUP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'ENOENT'],
    message: 'the kernel has no nf_tables with address translation',
    hint: 'private networks need CONFIG_NF_TABLES, CONFIG_NF_TABLES_IPV4, CONFIG_NFT_CT, CONFIG_NFT_NAT and CONFIG_NFT_MASQ; use --net=host on this kernel',
  },
  ports: {
    errnos: ['EOPNOTSUPP', 'ENOTSUP', 'EPROTONOSUPPORT', 'EAFNOSUPPORT', 'ENOENT'],
    message: 'the kernel cannot forward ports by nf_tables',
    hint: 'forwarded ports need CONFIG_NFT_FIB_IPV4 beside what private networks need; do without --port on this kernel',
  },
};

/** The RktError for a failure in setting up the network of a pod: ENOTROOT, EKERNEL or ENETWORK. */
export function networkError(part: Part, uuid: string, error: unknown): RktError {
  if (isRktError(error)) return error;
  const errno = errnoOf(error) ?? '';
  const lacking = missing[part];
  if (errno === 'EPERM' || errno === 'EACCES') {
    return new RktError('a private network can only be set up by root', {
      code: 'ENOTROOT',
      hint: 'run rkt as root, with the capability CAP_NET_ADMIN',
      cause: error,
    });
  }
  // Pinning a namespace has errors of its own that look alike.
  const asked = part !== 'netns' || (error as { syscall?: unknown }).syscall === 'unshare';
  if (asked && lacking.errnos.includes(errno)) {
    return new RktError(`cannot set up the private network of pod ${uuid}: ${lacking.message}`, {
      code: 'EKERNEL',
      hint: lacking.hint,
      cause: error,
    });
  }
  return new RktError(`cannot set up the private network of pod ${uuid}: ${messageOf(error)}`, {
    code: 'ENETWORK',
    cause: error,
  });
}
