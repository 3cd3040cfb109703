/** Platforms in manifest lists and OCI indexes: Go's names for systems and processors (OCI image-spec, image-index.md). */

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string;
}

/** What this machine runs: an architecture and its variants, the best first. An absent variant is the empty string. */
export interface HostPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variants: readonly string[];
}

const goArchitectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };

const armVariants = ['v7', 'v6', 'v5'];

/** The platform of a process whose `process.arch` is `arch`; `armVersion` is what the processor is known to be, for arm. */
export function hostPlatform(arch: string = process.arch, armVersion: string = armVersionOfNode()): HostPlatform {
  const architecture = goArchitectures[arch] ?? arch;
  const variants: Readonly<Record<string, readonly string[]>> = {
    amd64: ['', 'v1'],
    arm64: ['v8', ''],
    arm: [...armVariants.filter((variant) => variant <= `v${armVersion}`), ''],
  };
  return { os: 'linux', architecture, variants: variants[architecture] ?? [''] };
}

function armVersionOfNode(): string {
  const variables = process.config.variables as { arm_version?: unknown };
  return String(variables.arm_version ?? '7');
}

/** How well a platform suits the host: 0 is best, undefined not at all. */
export function suits(platform: Platform, host: HostPlatform): number | undefined {
  if (platform.os !== host.os || platform.architecture !== host.architecture) return undefined;
  const rank = host.variants.indexOf(platform.variant);
  return rank < 0 ? undefined : rank;
}

export function shownPlatform({ os, architecture, variant }: Platform): string {
  return variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

const appcArchitectures: Readonly<Record<string, string>> = {
  amd64: 'amd64',
  '386': 'i386',
  arm64: 'aarch64',
  ppc64: 'ppc64',
  ppc64le: 'ppc64le',
  s390x: 's390x',
};

/** The App Container name of an architecture, or undefined where the specification has none. */
export function appcArchitecture({ architecture, variant }: Platform): string | undefined {
  if (architecture === 'arm') return variant === 'v6' ? 'armv6l' : 'armv7l';
  return appcArchitectures[architecture];
}
