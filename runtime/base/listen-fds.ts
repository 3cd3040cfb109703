/** Descriptors that a service manager has opened for this process: the protocol of sd_listen_fds(3). */

/** The first descriptor that is passed (SD_LISTEN_FDS_START). */
const firstFd = 3;

/** What carries them. The last came with systemd 258, and says once more which process is meant. */
export const listenVariables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'] as const;

export interface PassedFd {
  readonly fd: number;
  /** What LISTEN_FDNAMES calls it; undefined where that is not set. */
  readonly name: string | undefined;
}

/**
 * The descriptors that were passed to this process; none where LISTEN_PID names another one. The variables are removed from
 * `env`, so that no child takes them for its own. Throws what `fail` makes of a reason where they are there but make no sense.
 */
export function takeListenFds(env: NodeJS.ProcessEnv, pid: number, fail: (reason: string) => Error): PassedFd[] {
  const { LISTEN_PID: forPid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = env;
  for (const name of listenVariables) delete env[name];
  if (forPid === undefined || count === undefined || forPid !== String(pid)) return [];
  if (!/^[0-9]{1,4}$/.test(count)) throw fail(`LISTEN_FDS is "${count}", not a number`);
  const each = names?.split(':');
  if (each !== undefined && each.length !== Number(count)) {
    throw fail(`LISTEN_FDNAMES names ${each.length} descriptors, and LISTEN_FDS says ${count}`);
  }
  return Array.from({ length: Number(count) }, (_, i) => ({ fd: firstFd + i, name: each?.[i] }));
}
