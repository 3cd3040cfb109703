/**
 * What one pod may use, so that the others never notice it. The figures are documented in docs/metadata-service.md.
 */

export interface Limits {
  /** Bytes of a pod's request body: a form with `content` to sign or verify. */
  readonly bodyBytes: number;
  /** Bytes of request line and headers. */
  readonly headerBytes: number;
  /** Time from the first byte's chance to arrive to the last of the headers, and of the whole request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a connection may be idle between requests, and how long a client may take to read an answer. */
  readonly keepAliveMs: number;
  readonly stalledMs: number;
  /** Requests per second that a pod may make in the long run, and how many at once. */
  readonly requestsPerSecond: number;
  readonly requestBurst: number;
  /** Connections per pod, from addresses of no pod together, and in total. */
  readonly connectionsPerPod: number;
  readonly connectionsUnregistered: number;
  readonly connectionsTotal: number;
  /** Requests on one connection that were not answered yet. */
  readonly pipelined: number;
  /** Connections that a pod gets although the total is used up. */
  readonly connectionsReserved: number;
}

export const defaultLimits: Limits = {
  bodyBytes: 64 * 1024,
  headerBytes: 8 * 1024,
  headersMs: 5_000,
  requestMs: 10_000,
  keepAliveMs: 15_000,
  stalledMs: 20_000,
  requestsPerSecond: 500,
  requestBurst: 1_000,
  connectionsPerPod: 64,
  connectionsUnregistered: 256,
  connectionsTotal: 2_048,
  connectionsReserved: 4,
  pipelined: 16,
};

/** A token bucket: `burst` requests at once, `perSecond` in the long run. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #updatedMs: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#tokens = burst;
    this.#updatedMs = nowMs;
  }

  /** Takes one token. Returns 0, or the whole seconds (at least 1) after which there will be one. */
  take(nowMs: number): number {
    const elapsedSeconds = Math.max(0, nowMs - this.#updatedMs) / 1000;
    this.#tokens = Math.min(this.#burst, this.#tokens + elapsedSeconds * this.#perSecond);
    this.#updatedMs = nowMs;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.max(1, Math.ceil((1 - this.#tokens) / this.#perSecond));
  }
}

/**
 * One bucket per pod, and a single one for all callers who are no pod: those are refused in any case, and a bucket for
 * each of their addresses would let them fill the memory (a process on the host can use every address of 127/8).
 */
export class RateLimiter {
  readonly #limits: Limits;
  readonly #now: () => number;
  readonly #pods = new WeakMap<object, TokenBucket>();
  readonly #strangers: TokenBucket;

  /** @param now milliseconds on a clock that never goes back. */
  constructor(limits: Limits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#strangers = this.#bucket();
  }

  /** Counts a request of `pod` (undefined: of nobody known). Returns 0, or the seconds to wait. */
  take(pod: object | undefined): number {
    if (pod === undefined) return this.#strangers.take(this.#now());
    let bucket = this.#pods.get(pod);
    if (bucket === undefined) {
      bucket = this.#bucket();
      this.#pods.set(pod, bucket);
    }
    return bucket.take(this.#now());
  }

  #bucket(): TokenBucket {
    return new TokenBucket(this.#limits.requestsPerSecond, this.#limits.requestBurst, this.#now());
  }
}
