/** Counters of the service in the Prometheus text format 0.0.4. Label values come from fixed sets, never from requests. */

const bucketsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

export interface Gauges {
  pods: number;
  connections: number;
}

export class Metrics {
  #requests = new Map<string, number>();
  #refusals = new Map<string, number>();
  #registrations = new Map<string, number>();
  #buckets = new Array<number>(bucketsSeconds.length).fill(0);
  #seconds = 0;
  #observed = 0;

  /** One answered request of a pod: the endpoint's name (`pod/uuid`), the status, and the time it took. */
  request(endpoint: string, status: number, seconds: number): void {
    add(this.#requests, `endpoint="${endpoint}",status="${status}"`);
    const bucket = bucketsSeconds.findIndex((limit) => seconds <= limit);
    if (bucket !== -1) this.#buckets[bucket] = (this.#buckets[bucket] ?? 0) + 1;
    this.#seconds += seconds;
    this.#observed += 1;
  }

  /** One refused request or connection, by the error's code. */
  refusal(reason: string): void {
    add(this.#refusals, `reason="${reason}"`);
  }

  /** A change of the registry: `registered`, `recovered`, `lease_closed`, `process_ended`, `deleted`, `replaced`. */
  registration(event: string): void {
    add(this.#registrations, `event="${event}"`);
  }

  render(gauges: Gauges): string {
    return [
      ...family('rkt_metadata_pods', 'gauge', 'Pods that are registered now.', [['', gauges.pods]]),
      ...family('rkt_metadata_connections', 'gauge', 'Open connections of pods.', [['', gauges.connections]]),
      ...family('rkt_metadata_registrations_total', 'counter', 'Registry changes.', this.#registrations),
      ...family('rkt_metadata_requests_total', 'counter', 'Requests of pods that were answered.', this.#requests),
      ...family('rkt_metadata_refusals_total', 'counter', 'Refused requests and connections.', this.#refusals),
      ...this.#histogram(),
      '',
    ].join('\n');
  }

  #histogram(): string[] {
    const name = 'rkt_metadata_request_duration_seconds';
    let below = 0;
    const lines = bucketsSeconds.map((limit, i) => {
      below += this.#buckets[i] ?? 0;
      return `${name}_bucket{le="${limit}"} ${below}`;
    });
    return [
      `# HELP ${name} Time from the end of the headers to the end of the answer.`,
      `# TYPE ${name} histogram`,
      ...lines,
      `${name}_bucket{le="+Inf"} ${this.#observed}`,
      `${name}_sum ${this.#seconds}`,
      `${name}_count ${this.#observed}`,
    ];
  }
}

function add(counters: Map<string, number>, labels: string): void {
  counters.set(labels, (counters.get(labels) ?? 0) + 1);
}

function family(name: string, type: string, help: string, samples: Iterable<[string, number]>): string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  for (const [labels, value] of samples) lines.push(labels === '' ? `${name} ${value}` : `${name}{${labels}} ${value}`);
  return lines;
}
