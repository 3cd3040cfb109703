/** The command lines of a stage1 image's entrypoints, by the version of the interface (rkt's stage1 implementor's guide). */

export interface RunArguments {
  readonly uuid: string;
  readonly debug: boolean;
  readonly interactive: boolean;
  /** Token of the pod at the metadata service. */
  readonly token: string | undefined;
  /** Local configuration directory. */
  readonly localConfig: string;
  /** Ids on the host of the pod's users. */
  readonly privateUsers: { readonly shift: number; readonly range: number } | undefined;
  readonly hostname: string | undefined;
  readonly allCapabilities: boolean;
  readonly openPaths: boolean;
  readonly noSeccomp: boolean;
  /** `auto`, `private` or `parent`; undefined: the user has not said. */
  readonly ipc: string | undefined;
}

/**
 * Arguments of `run`. The network is always `host`: rkt has made it already, because a pod is registered with its address before
 * its first instruction, and `run` is executed inside it.
 */
export function runArguments(version: number, run: RunArguments): string[] {
  const { token, privateUsers, hostname, ipc } = run;
  const since = (first: number, wanted: boolean, argument: string): string[] =>
    wanted && version >= first ? [argument] : [];
  return [
    ...since(1, run.debug, '--debug'),
    '--net=host',
    ...since(1, run.interactive, '--interactive'),
    ...since(1, privateUsers !== undefined, `--private-users=${privateUsers?.shift}:${privateUsers?.range}`),
    ...since(1, token !== undefined, `--mds-token=${token}`),
    `--local-config=${run.localConfig}`,
    ...since(2, hostname !== undefined, `--hostname=${hostname}`),
    ...since(3, run.allCapabilities, '--disable-capabilities-restriction'),
    ...since(3, run.openPaths, '--disable-paths'),
    ...since(3, run.noSeccomp, '--disable-seccomp'),
    ...since(4, true, '--dns-conf-mode=resolv=default,hosts=default'),
    ...since(6, ipc !== undefined, `--ipc=${ipc}`),
    run.uuid,
  ];
}

export interface EnterArguments {
  /** Host PID of the pod's PID 1. */
  readonly pid: number;
  readonly app: string;
  readonly command: readonly string[];
}

export const enterArguments = ({ pid, app, command }: EnterArguments): string[] => [
  `--pid=${pid}`,
  `--appname=${app}`,
  '--',
  ...command,
];

export const stopArguments = (uuid: string, force: boolean): string[] => [...(force ? ['--force'] : []), uuid];

export const gcArguments = (version: number, uuid: string, debug: boolean, localConfig: string): string[] => [
  ...(debug ? ['--debug'] : []),
  ...(version >= 5 ? [`--local-config=${localConfig}`] : []),
  uuid,
];
