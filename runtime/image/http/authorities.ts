/** The certificate authorities that rkt trusts: the system's, and those that the environment adds. */

import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { errnoOf, messageOf, RktError } from '../../base/errors.ts';

/**
 * Where distributions keep all authorities in one file. Reading one of these takes 1 ms; having OpenSSL read the directory of
 * the same certificates, as `tls.getCACertificates('system')` does, 80 ms.
 */
const systemFiles = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
];

function namedFile(env: NodeJS.ProcessEnv, variable: string): string[] {
  const file = env[variable];
  if (file === undefined || file === '') return [];
  try {
    return [readFileSync(file, 'utf8')];
  } catch (cause) {
    throw new RktError(`${variable}: cannot read the certificates in ${file}: ${messageOf(cause)}`, {
      code: 'ETLS',
      cause,
    });
  }
}

function systemAuthorities(): string[] {
  for (const file of systemFiles) {
    try {
      return [readFileSync(file, 'utf8')];
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' && errnoOf(error) !== 'ENOTDIR') throw error;
    }
  }
  const system = getCACertificates('system');
  // A system without any has Mozilla's list, which node brings along.
  return system.length > 0 ? system : getCACertificates('bundled');
}

/**
 * SSL_CERT_FILE stands in for the system's authorities, as with OpenSSL and Go; NODE_EXTRA_CA_CERTS adds to them. Errors: ETLS.
 */
export function trustedContext(env: NodeJS.ProcessEnv): SecureContext {
  const named = namedFile(env, 'SSL_CERT_FILE');
  const ca = [...(named.length > 0 ? named : systemAuthorities()), ...namedFile(env, 'NODE_EXTRA_CA_CERTS')];
  try {
    return createSecureContext({ ca });
  } catch (cause) {
    throw new RktError(`cannot use the certificate authorities of this system: ${messageOf(cause)}`, {
      code: 'ETLS',
      cause,
    });
  }
}
