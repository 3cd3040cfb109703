/** Sockets that systemd opened for the service: the protocol of sd_listen_fds(3). */

import { fstatSync } from 'node:fs';
import { errnoOf, RktError } from '../runtime/base/errors.ts';
import { takeListenFds as takePassed } from '../runtime/base/listen-fds.ts';

/**
 * The sockets that were passed to this process; none where LISTEN_PID names another one. The variables are removed from
 * `env`, so that no child takes them for its own. Throws EACTIVATION where they are there but make no sense.
 */
export function takeListenFds(env: NodeJS.ProcessEnv, pid = process.pid): number[] {
  const fds = takePassed(env, pid, activationError).map(({ fd }) => fd);
  for (const fd of fds) requireSocket(fd);
  return fds;
}

/** The one socket that the service can be activated by. Throws EACTIVATION where there are more. */
export function registrationFd(fds: readonly number[]): number | undefined {
  if (fds.length > 1) throw activationError(`${fds.length} sockets were passed, but the service takes one`);
  return fds[0];
}

function requireSocket(fd: number): void {
  try {
    if (fstatSync(fd).isSocket()) return;
  } catch (error) {
    throw activationError(`descriptor ${fd} was announced and is not open (${errnoOf(error)})`);
  }
  throw activationError(`descriptor ${fd} is not a socket`);
}

function activationError(reason: string): RktError {
  return new RktError(`cannot take over the socket of the metadata service: ${reason}`, {
    code: 'EACTIVATION',
    hint: 'let the socket unit have exactly one ListenStream=, /run/rkt/metadata-svc.sock',
  });
}
