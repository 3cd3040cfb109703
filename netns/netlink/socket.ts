/**
 * A netlink socket for requests and their answers. Synchronous: a request is a system call or two, and the start of a pod waits
 * for each of them (docs/decisions/001-netlink-on-the-start-path.md).
 */

import { closeSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import { native } from '../../native/index.ts';
import { controlType, flag, message, type NetlinkMessage, outcomeOf, parseMessages } from './codec.ts';

/** Protocols of netlink: netlink(7). */
export const protocol = { route: 0, netfilter: 12 } as const;

/** One message to be sent; `body` is the family's fixed structure and the attributes. */
export interface NetlinkRequest {
  type: number;
  /** Flags besides REQUEST, which is added. */
  flags: number;
  body: Uint8Array[];
  /** What the request does, for errors: "making the link rkt0". */
  doing: string;
}

/** What operations need of a socket; unit tests have their own. */
export interface NetlinkTransport {
  /**
   * Sends the requests as one datagram. The kernel takes them in order and goes on after one that fails. Returns
   * the answers to each, without those that end a request. Throws the {@link NetlinkError} of the first that failed.
   */
  transact(requests: NetlinkRequest[]): NetlinkMessage[][];
  /** Sends a datagram that is encoded already; see {@link Native.netlinkTransact}. */
  raw(datagram: Uint8Array, acks: number): NetlinkMessage[];
}

/** The kernel refused a request. `errno` is positive, `code` its name. */
export class NetlinkError extends Error {
  readonly errno: number;
  readonly code: string;
  /** The kernel's extended ack, where it gave one. */
  readonly explanation: string | undefined;
  /** Which of the requests of the datagram it was, counted from 0. */
  readonly index: number;

  constructor(doing: string, errno: number, explanation: string | undefined, index = 0) {
    const code = getSystemErrorName(-errno);
    super(`${doing}: ${code}${explanation === undefined ? '' : ` (${explanation})`}`);
    this.name = 'NetlinkError';
    this.errno = errno;
    this.code = code;
    this.explanation = explanation;
    this.index = index;
  }
}

/** Netlink answers at once; a kernel that takes longer holds its configuration lock for that long. */
const timeoutMs = 10_000;
/** A dump is inconsistent when something changed meanwhile (NLM_F_DUMP_INTR); on a busy host that may happen again. */
const dumpAttempts = 10;

export class NetlinkSocket implements NetlinkTransport, Disposable {
  readonly #fd: number;
  #sequence = 0;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** With `netns`, the socket acts inside that network namespace. */
  static open(netlinkProtocol: number, netns?: string): NetlinkSocket {
    return new NetlinkSocket(
      native.netlinkOpen(netns === undefined ? { protocol: netlinkProtocol } : { protocol: netlinkProtocol, netns }),
    );
  }

  transact(requests: NetlinkRequest[]): NetlinkMessage[][] {
    const first = this.#sequence + 1;
    const datagram = requests.map((request) => {
      this.#sequence += 1;
      return message(request.type, request.flags | flag.request | flag.ack, this.#sequence, request.body);
    });
    const answers: NetlinkMessage[][] = requests.map(() => []);
    let failure: NetlinkError | undefined;
    for (const answer of this.raw(Buffer.concat(datagram), requests.length)) {
      const index = answer.sequence - first;
      const request = requests[index];
      if (request === undefined) continue; // a late answer to something that timed out
      const outcome = outcomeOf(answer);
      if (outcome === undefined) answers[index]?.push(answer);
      else if (outcome.errno !== 0 && (failure === undefined || index < failure.index)) {
        failure = new NetlinkError(request.doing, outcome.errno, outcome.explanation, index);
      }
    }
    if (failure !== undefined) throw failure;
    return answers;
  }

  /** Everything that a dump returns, asked again where it changed meanwhile. */
  dump(request: NetlinkRequest): NetlinkMessage[] {
    for (let attempt = 1; ; attempt++) {
      this.#sequence += 1;
      const sequence = this.#sequence;
      const datagram = message(request.type, request.flags | flag.request | flag.dump, sequence, request.body);
      const answers = this.raw(datagram, 1).filter((answer) => answer.sequence === sequence);
      for (const answer of answers) {
        const outcome = outcomeOf(answer);
        if (outcome !== undefined && outcome.errno !== 0) {
          throw new NetlinkError(request.doing, outcome.errno, outcome.explanation);
        }
      }
      const interrupted = answers.some((answer) => (answer.flags & flag.dumpInterrupted) !== 0);
      if (!interrupted || attempt === dumpAttempts) {
        return answers.filter((answer) => answer.type !== controlType.done && answer.type !== controlType.error);
      }
    }
  }

  raw(datagram: Uint8Array, acks: number): NetlinkMessage[] {
    return parseMessages(native.netlinkTransact(this.#fd, datagram, acks, timeoutMs));
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}
