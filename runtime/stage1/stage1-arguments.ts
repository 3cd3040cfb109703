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

/** What a shell can be told to export. */
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Goes to the directory in $1, if that is not empty, exports what follows up to `--`, and becomes the rest. */
const surroundingsScript =
  'if [ -n "$1" ]; then cd "$1" || exit 254; fi; shift; while [ "$1" != -- ]; do export "$1"; shift; done; shift; exec "$@"';

/**
 * A command in a directory and with variables of its own, for an `enter` that can be told nothing but a command: the app's shell sees to
 * them. The first variable that a shell cannot set is in `bad`, and then nothing else is.
 */
export function shellCommand(
  command: readonly string[],
  environment: readonly { readonly name: string; readonly value: string }[],
  workingDirectory: string | undefined,
): { readonly command: readonly string[] } | { readonly bad: string } {
  const bad = environment.find(({ name }) => !shellName.test(name));
  if (bad !== undefined) return { bad: bad.name };
  if (environment.length === 0 && workingDirectory === undefined) return { command };
  const variables = environment.map(({ name, value }) => `${name}=${value}`);
  return {
    command: ['/bin/sh', '-c', surroundingsScript, 'sh', workingDirectory ?? '', ...variables, '--', ...command],
  };
}

export const stopArguments = (uuid: string, force: boolean): string[] => [...(force ? ['--force'] : []), uuid];

export const gcArguments = (version: number, uuid: string, debug: boolean, localConfig: string): string[] => [
  ...(debug ? ['--debug'] : []),
  ...(version >= 5 ? [`--local-config=${localConfig}`] : []),
  uuid,
];
