/** Counts the connections of pods by source address, and refuses what is too many. */

import type { Socket } from 'node:net';
import type { Limits } from './limits.ts';

export class Connections {
  readonly #limits: Limits;
  readonly #isPod: (address: string) => boolean;
  readonly #byAddress = new Map<string, Set<Socket>>();
  #total = 0;
  #ofStrangers = 0;

  /** @param isPod whether a pod is registered for an address. */
  constructor(limits: Limits, isPod: (address: string) => boolean) {
    this.#limits = limits;
    this.#isPod = isPod;
  }

  get total(): number {
    return this.#total;
  }

  /** Takes a new connection into account until it closes. False where it is one too many: the caller closes it. */
  admit(socket: Socket): boolean {
    const address = socket.remoteAddress;
    if (address === undefined) return false;
    const isPod = this.#isPod(address);
    const sockets = this.#byAddress.get(address) ?? new Set<Socket>();
    if (!(isPod ? this.#podMayConnect(sockets.size) : this.#strangerMayConnect())) return false;
    this.#byAddress.set(address, sockets.add(socket));
    this.#total += 1;
    if (!isPod) this.#ofStrangers += 1;
    socket.once('close', () => {
      this.#total -= 1;
      if (!isPod) this.#ofStrangers -= 1;
      sockets.delete(socket);
      if (sockets.size === 0 && this.#byAddress.get(address) === sockets) this.#byAddress.delete(address);
    });
    return true;
  }

  /** Ends every connection of an address whose pod is gone: none outlives the registration it was made under. */
  closeFrom(address: string): void {
    for (const socket of this.#byAddress.get(address) ?? []) socket.destroy();
  }

  #podMayConnect(open: number): boolean {
    if (open < this.#limits.connectionsReserved) return true;
    return open < this.#limits.connectionsPerPod && this.#total < this.#limits.connectionsTotal;
  }

  #strangerMayConnect(): boolean {
    return this.#ofStrangers < this.#limits.connectionsUnregistered && this.#total < this.#limits.connectionsTotal;
  }
}
