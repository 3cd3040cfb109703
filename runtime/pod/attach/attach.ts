/** Attaching to the streams of an app: copies between its sockets, which the pod's monitor serves, and ours. */

import { once } from 'node:events';
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs';
import { type Socket as Connection, connect } from 'node:net';
import type { Readable } from 'node:stream';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';
import { podFiles } from '../../base/paths.ts';
import type { PodEntry } from '../pods.ts';
import { EscapeDetector } from './escape.ts';
import { type Endpoint, isInput, type Socket, socketOf, sockets } from './mode.ts';

/** Our side. */
export interface Terminals {
  readonly stdin: Readable & { setRawMode?: (on: boolean) => unknown };
  /** Return false where nobody reads any more. */
  readonly out: (data: Uint8Array) => unknown;
  readonly err: (data: Uint8Array) => unknown;
}

/** The sockets that the app has now. */
export function attachableSockets(pod: PodEntry, app: string): Socket[] {
  try {
    const names = readdirSync(podFiles.attachDir(pod.dir, app));
    return sockets.filter((name) => names.includes(name));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/**
 * Attaches to endpoints that the app has, and resolves when the last of its output has ended, or without output when our input has.
 * Errors: EATTACH where it cannot connect, or was cut off because it did not read what it got.
 */
export async function attach(
  pod: PodEntry,
  app: string,
  endpoints: readonly Endpoint[],
  terminals: Terminals,
): Promise<void> {
  // A socket's address is short, and the way to a pod may be long.
  const dir = openSync(podFiles.attachDir(pod.dir, app), 'r');
  const session = new Session(`/proc/self/fd/${dir}`, app, endpoints, terminals);
  try {
    await session.run();
  } finally {
    session.close();
    closeSync(dir);
  }
}

class Session {
  readonly #dir: string;
  readonly #app: string;
  readonly #endpoints: readonly Endpoint[];
  readonly #terminals: Terminals;
  readonly #connections = new Map<Socket, Connection>();
  #raw = false;

  constructor(dir: string, app: string, endpoints: readonly Endpoint[], terminals: Terminals) {
    this.#dir = dir;
    this.#app = app;
    this.#endpoints = endpoints;
    this.#terminals = terminals;
  }

  async run(): Promise<void> {
    const names = [...new Set(this.#endpoints.map(socketOf))];
    await Promise.all(names.map((name) => this.#connect(name)));
    const outputs = this.#endpoints.filter((endpoint) => !isInput(endpoint));
    const copies = outputs.map((endpoint) => this.#copyOutput(endpoint));
    // Whoever sends only still hears when the app is gone, and reads what a terminal shows to nobody.
    for (const name of names) if (!outputs.some((endpoint) => socketOf(endpoint) === name)) this.#of(name).resume();
    const input = this.#endpoints.find(isInput);
    const typed = input === undefined ? undefined : this.#copyInput(this.#of(socketOf(input)), input === 'tty-in');
    if (copies.length > 0) await Promise.race([Promise.all(copies), ...(typed === undefined ? [] : [typed.detached])]);
    else await typed?.ended;
  }

  close(): void {
    const { stdin } = this.#terminals;
    if (this.#raw) stdin.setRawMode?.(false);
    stdin.pause();
    for (const connection of this.#connections.values()) connection.destroy();
  }

  #of(name: Socket): Connection {
    return this.#connections.get(name) as Connection;
  }

  async #connect(name: Socket): Promise<void> {
    const connection = connect({ path: `${this.#dir}/${name}`, allowHalfOpen: true });
    try {
      await once(connection, 'connect');
    } catch (cause) {
      throw new RktError(`attaching to ${name} of app "${this.#app}": ${messageOf(cause)}`, { code: 'EATTACH', cause });
    }
    // Its end is what is reported.
    connection.on('error', () => connection.destroy());
    this.#connections.set(name, connection);
  }

  /** Until there is no more. */
  async #copyOutput(endpoint: Endpoint): Promise<void> {
    const name = socketOf(endpoint);
    const connection = this.#of(name);
    const write = endpoint === 'stderr' ? this.#terminals.err : this.#terminals.out;
    await new Promise<void>((resolve) => {
      connection.on('data', (data: Uint8Array) => {
        if (write(data) === false) connection.destroy();
      });
      connection.once('end', resolve);
      connection.once('close', resolve);
    });
    if (connection.readableEnded && existsSync(`${this.#dir}/${name}`)) {
      throw new RktError(`${name} of app "${this.#app}" was cut off, because it was not read as fast as it came`, {
        code: 'EATTACH',
        hint: 'attach again; what was missed is in "rkt logs"',
      });
    }
  }

  /** `ended`: nothing more goes to the app; `detached`: the user wants to get out. */
  #copyInput(connection: Connection, isTerminal: boolean): { ended: Promise<unknown>; detached: Promise<void> } {
    const { stdin } = this.#terminals;
    const wayOut = isTerminal ? new EscapeDetector() : undefined;
    if (isTerminal && stdin.setRawMode !== undefined) {
      stdin.setRawMode(true);
      this.#raw = true;
    }
    const detached = new Promise<void>((resolve) => {
      stdin.on('data', (data: Buffer) => {
        if (wayOut?.isTyped(data, performance.now())) resolve();
        else if (!connection.destroyed && !connection.write(data)) stdin.pause();
      });
    });
    connection.on('drain', () => stdin.resume());
    const ended = Promise.race([detached, once(stdin, 'end').then(() => endOf(connection)), once(connection, 'close')]);
    ended.catch(() => {});
    stdin.resume();
    return { ended, detached };
  }
}

/** All that was written has gone to the other side. */
async function endOf(connection: Connection): Promise<void> {
  await new Promise<void>((resolve) => connection.end(resolve));
}
