/** A registry that answers whatever a test wants it to: the ones that are told to misbehave cannot be real. */

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly authorization: string | undefined;
}

export class FakeRegistry {
  readonly #server: Server;
  /** Everything that was asked, in order. */
  readonly requests: Request[] = [];
  /** By path, without the query; what is not here is 404. */
  readonly answers = new Map<string, Answer | ((request: IncomingMessage) => Answer)>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<FakeRegistry> {
    const server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      fake.requests.push({ method, url, authorization: headers.authorization });
      const known = fake.answers.get(url.replace(/\?.*/, '')) ?? { status: 404 };
      const { status = 200, headers: extra = {}, body = '' } = typeof known === 'function' ? known(request) : known;
      response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...extra }).end(body);
    });
    const fake = new FakeRegistry(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    fake.answers.set('/v2/', {});
    return fake;
  }

  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Serves a manifest of `app` under a tag or digest. */
  manifest(reference: string, document: unknown, type: string): void {
    const body = typeof document === 'string' ? document : JSON.stringify(document);
    this.answers.set(`/v2/app/manifests/${reference}`, { body, headers: { 'content-type': type } });
  }

  blob(digest: string, answer: Answer): void {
    this.answers.set(`/v2/app/blobs/${digest}`, answer);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
