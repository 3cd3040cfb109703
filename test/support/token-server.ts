/** A token server for a real registry, as the token specification of docker-registry has it: JSON web tokens that it signs. */

import { createPrivateKey, randomUUID, sign, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Authority, type Certificate } from './certificates.ts';
import { account, type RegistryAuth, tokenService } from './registry.ts';
import { WebServer } from './web-server.ts';

const issuer = 'issuer.test';
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

export class TokenServer {
  readonly #web: WebServer;
  readonly #certificate: Certificate;
  readonly #file: string;
  /** Seconds after which tokens are worth nothing; negative: they never were. */
  lifetime = 300;

  private constructor(web: WebServer, certificate: Certificate, file: string) {
    this.#web = web;
    this.#certificate = certificate;
    this.#file = file;
    web.on('*/token', ({ url = '', headers }, response) => {
      const known = headers.authorization === `Basic ${btoa(`${account.user}:${account.password}`)}`;
      if (!known) return void response.writeHead(401).end();
      const { searchParams } = new URL(url, 'http://x');
      response.end(JSON.stringify({ token: this.#token(searchParams.get('scope') ?? '') }));
    });
  }

  static async start(dir: string): Promise<TokenServer> {
    const authority = new Authority(dir);
    const certificate = authority.issue(['tokens.test']);
    const file = join(dir, 'token-bundle.pem');
    writeFileSync(file, certificate.cert);
    return new TokenServer(await WebServer.start(), certificate, file);
  }

  /** For the registry. */
  get auth(): RegistryAuth {
    return { type: 'token', realm: this.#web.url('/token'), issuer, certificates: this.#file };
  }

  get origin(): string {
    return new URL(this.#web.url('/')).origin;
  }

  /** What was asked for, without the host. */
  take(): string[] {
    return this.#web.take().map((target) => target.slice(target.indexOf('/')));
  }

  close(): Promise<void> {
    return this.#web.close();
  }

  #token(scope: string): string {
    const { cert, key } = this.#certificate;
    const [type, name, actions = ''] = scope.split(':');
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: issuer,
      sub: account.user,
      aud: tokenService,
      jti: randomUUID(),
      nbf: now - 3600,
      iat: now - 3600,
      exp: now + this.lifetime,
      access: [{ type, name, actions: actions.split(',') }],
    };
    const x5c = [new X509Certificate(cert).raw.toString('base64')];
    const privateKey = createPrivateKey(key);
    const isRsa = privateKey.asymmetricKeyType === 'rsa';
    const text = `${encode({ typ: 'JWT', alg: isRsa ? 'RS256' : 'ES256', x5c })}.${encode(claims)}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  }
}
