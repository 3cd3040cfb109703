/** types.md, AC Version Type: semantic versions of the App Container specification. */
import type { Field } from './field.ts';

/** The version of the specification that rkt implements. */
export const specVersion = '0.8.11';

export interface SemVer {
  major: number;
  minor: number;
  patch: number;
  /** Dot-separated identifiers after "-", or empty. */
  preRelease: string;
  /** Dot-separated identifiers after "+", or empty. */
  metadata: string;
}

// semver.org 2.0.0, section 2 (no leading zeros), 9 (pre-release) and 10 (build metadata).
const number = '(0|[1-9][0-9]*)';
const preId = '(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)';
const pattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-(${preId}(?:\\.${preId})*))?(?:\\+([0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*))?$`,
);

/** The parts of a semantic version, or undefined where `text` is none. */
export function parseSemVer(text: string): SemVer | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  return {
    major: Number(match[1]),
    minor: Number(match[2]),
    patch: Number(match[3]),
    preRelease: match[4] ?? '',
    metadata: match[5] ?? '',
  };
}

/** Versions are compatible within a major version; 0.0.0 stands for "not set" and is refused. */
export function checkACVersion(text: string): string | undefined {
  const version = parseSemVer(text);
  if (version === undefined) return 'must be a semantic version such as "0.8.11"';
  const { major, minor, patch } = version;
  if (major === 0 && minor === 0 && patch === 0) return 'must not be the zero version';
  if (major !== parseSemVer(specVersion)?.major) {
    return `must have the major version of the App Container specification ${specVersion}`;
  }
  return undefined;
}

export function readACVersion(field: Field): string {
  return field.required().text(checkACVersion);
}
