/** `--port` as rkt documents it: `NAME:[HOSTIP:]HOSTPORT`. */

import { RktError } from '../base/errors.ts';
import { checkACName } from './identifiers.ts';
import { checkIPv4, type ExposedPort } from './port.ts';

/** Errors: EUSAGE. */
export function parsePortOption(text: string): ExposedPort {
  const fail = (reason: string): RktError =>
    new RktError(`--port "${text}": ${reason}`, { code: 'EUSAGE', hint: 'write NAME:[HOSTIP:]HOSTPORT' });
  const parts = text.split(':');
  const [name = '', ...rest] = parts;
  if (parts.length < 2 || parts.length > 3) throw fail('this is not a name and a port');
  const nameReason = checkACName(name);
  if (nameReason !== undefined) throw fail(`the name ${nameReason}`);
  const port = rest.at(-1) as string;
  const hostPort = Number(port);
  if (!/^[0-9]{1,5}$/.test(port) || hostPort < 1 || hostPort > 65535) {
    throw fail('the port of the host must be a number from 1 to 65535');
  }
  const hostIP = rest.length === 2 ? rest[0] : undefined;
  const reason = hostIP === undefined ? undefined : checkIPv4(hostIP);
  if (reason !== undefined) throw fail(`the address of the host ${reason}`);
  // 0.0.0.0 is how others write "all".
  return { name, hostPort, ...(hostIP === undefined || hostIP === '0.0.0.0' ? {} : { hostIP }) };
}
