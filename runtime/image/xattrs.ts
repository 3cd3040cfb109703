/** Extended attributes that mean something inside a pod. Labels of the building host's policy and overlayfs' own marks do not. */
export function keepsXattr(name: string): boolean {
  if (name.startsWith('user.')) return !name.startsWith('user.overlay.');
  return name === 'security.capability' || name.startsWith('system.posix_acl_');
}
