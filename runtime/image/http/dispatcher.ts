/** undici's connections, with proxies, authorities and time-outs as rkt wants them. */

import { Agent, buildConnector, type Dispatcher, ProxyAgent } from 'undici';
import { RktError } from '../../base/errors.ts';
import { trustedContext } from './authorities.ts';
import { readNoProxy } from './no-proxy.ts';
import type { Timeouts } from './types.ts';

export interface DispatcherOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Certificates are not verified. */
  readonly anyCertificate: boolean;
  readonly timeouts: Timeouts;
}

/** A variable in lower or upper case; empty counts as not set. In upper case HTTP_PROXY could come from a CGI request. */
function proxy(env: NodeJS.ProcessEnv, name: string): string | undefined {
  for (const variable of [name, name.toUpperCase()]) {
    const text = env[variable];
    if (text === undefined || text === '') continue;
    // Without a scheme, "proxy:3128" would be a URL of the scheme "proxy".
    const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
    const shown = text.replace(/[^/]*@/, '');
    throw new RktError(`environment variable ${variable}: ${JSON.stringify(shown)} is not the URL of an HTTP proxy`, {
      code: 'ECONFIG',
    });
  }
  return undefined;
}

/** How a URL is asked for. */
export interface Route {
  readonly dispatcher: Dispatcher;
  /** Host of the proxy on the way, as people may see it; undefined: none. */
  readonly proxy: string | undefined;
}

export interface Dispatchers {
  readonly to: (url: URL) => Route;
  readonly close: () => Promise<void>;
}

/** Errors: ECONFIG for a proxy that is none; ETLS, by the first connection that needs them, for authorities. */
export function makeDispatchers(options: DispatcherOptions): Dispatchers {
  const { env, anyCertificate, timeouts } = options;
  const proxies = { 'http:': proxy(env, 'http_proxy'), 'https:': proxy(env, 'https_proxy') };
  const isDirect = readNoProxy(env.no_proxy || env.NO_PROXY || '');
  const tls = () => ({
    ...(anyCertificate ? { rejectUnauthorized: false } : { secureContext: trustedContext(env) }),
    timeout: timeouts.connect,
  });
  const common = {
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.body,
    // A server that sends megabytes of headers wants our memory.
    maxHeaderSize: 64 * 1024,
  };
  const direct = new Agent({ ...common, connect: lazyConnector(tls, timeouts.connect) });
  const made = new Map<string, ProxyAgent>();
  const through = (uri: string): ProxyAgent => {
    const agent = made.get(uri) ?? new ProxyAgent({ ...common, uri, requestTls: tls(), proxyTls: tls() });
    made.set(uri, agent);
    return agent;
  };
  return {
    to: (url) => {
      const uri = proxies[url.protocol as keyof typeof proxies];
      if (uri === undefined || isDirect(url)) return { dispatcher: direct, proxy: undefined };
      return { dispatcher: through(uri), proxy: new URL(uri).host };
    },
    close: async () => {
      await Promise.all([direct, ...made.values()].map((agent) => agent.destroy()));
    },
  };
}

/** Reads the authorities only when the first TLS connection is made: plain registries on loopback need none. */
function lazyConnector(tls: () => buildConnector.BuildOptions, timeout: number): buildConnector.connector {
  const plain = buildConnector({ timeout });
  let secure: buildConnector.connector | undefined;
  return (options, callback) => {
    if (options.protocol !== 'https:') return plain(options, callback);
    try {
      secure ??= buildConnector(tls());
    } catch (error) {
      return callback(error as Error, null);
    }
    return secure(options, callback);
  };
}
