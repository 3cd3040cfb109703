/** Image manifests from what a person says on a command line. */

import { appcVersion } from '../../base/version.ts';

/** Members that are undefined or empty are left out. */
export interface ManifestRequest {
  readonly name: string;
  readonly labels: readonly { name: string; value: string }[];
  readonly annotations: readonly { name: string; value: string }[];
  /** Without it the image has no app: it is there for others to depend on. */
  readonly exec: readonly string[] | undefined;
  readonly user: string;
  readonly group: string;
  readonly workingDirectory: string | undefined;
  readonly environment: readonly { name: string; value: string }[];
  readonly mountPoints: readonly { name: string; path: string; readOnly?: boolean }[];
  readonly ports: readonly { name: string; protocol: string; port: number; socketActivated?: boolean }[];
  readonly dependencies: readonly { imageName: string; labels: readonly { name: string; value: string }[] }[];
}

const unlessEmpty = <T>(list: readonly T[]): readonly T[] | undefined => (list.length === 0 ? undefined : list);

/** The JSON text of the manifest. Nothing is checked: whoever parses it does. */
export function composeManifest(request: ManifestRequest): string {
  const { exec, user, group, workingDirectory, environment, mountPoints, ports } = request;
  const app =
    exec === undefined
      ? undefined
      : {
          exec,
          user,
          group,
          workingDirectory,
          environment: unlessEmpty(environment),
          mountPoints: unlessEmpty(mountPoints),
          ports: unlessEmpty(ports),
        };
  const manifest = {
    acKind: 'ImageManifest',
    acVersion: appcVersion,
    name: request.name,
    labels: unlessEmpty(request.labels),
    app,
    annotations: unlessEmpty(request.annotations),
    dependencies: unlessEmpty(request.dependencies),
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}
