/** undici's connections, with proxies, authorities and time-outs as rkt wants them. */

import { buildConnector, type Dispatcher, EnvHttpProxyAgent } from 'undici';
import { RktError } from '../../base/errors.ts';
import { trustedContext } from './authorities.ts';
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
    const url = URL.canParse(text) ? text : `http://${text}`;
    if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return url;
    throw new RktError(`environment variable ${variable}: ${JSON.stringify(text)} is not the URL of an HTTP proxy`, {
      code: 'ECONFIG',
    });
  }
  return undefined;
}

export interface Dispatchers {
  /** The one for requests to a URL of this protocol: `http:` or `https:`. */
  readonly of: (protocol: string) => Dispatcher;
  readonly close: () => Promise<void>;
}

/** Errors: ECONFIG for a proxy that is none; ETLS, by the first connection that needs them, for authorities. */
export function makeDispatchers(options: DispatcherOptions): Dispatchers {
  const { env } = options;
  const [http, https] = [proxy(env, 'http_proxy'), proxy(env, 'https_proxy')];
  const main = makeAgent(options, http, https);
  // Without a proxy of its own, https goes straight; undici alone would send it through the one for http.
  const direct = http !== undefined && https === undefined ? makeAgent(options, undefined, undefined) : main;
  return {
    of: (protocol) => (protocol === 'https:' ? direct : main),
    close: async () => {
      await Promise.all([main.destroy(), direct.destroy()]);
    },
  };
}

function makeAgent(
  { env, anyCertificate, timeouts }: DispatcherOptions,
  httpProxy: string | undefined,
  httpsProxy: string | undefined,
): Dispatcher {
  const tls = () => ({
    ...(anyCertificate ? { rejectUnauthorized: false } : { secureContext: trustedContext(env) }),
    timeout: timeouts.connect,
  });
  const proxied = httpProxy !== undefined || httpsProxy !== undefined;
  return new EnvHttpProxyAgent({
    httpProxy: httpProxy ?? '',
    httpsProxy: httpsProxy ?? '',
    noProxy: env.no_proxy ?? env.NO_PROXY ?? '',
    connect: lazyConnector(tls, timeouts.connect),
    ...(proxied ? { requestTls: tls(), proxyTls: tls() } : {}),
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.body,
    // A server that sends megabytes of headers wants our memory.
    maxHeaderSize: 64 * 1024,
  });
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
