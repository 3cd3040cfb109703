/** Host names of pods. They end up in the kernel and in /etc/hosts, so nothing else may pass for one. */

import { RktError } from '../base/errors.ts';

/** Labels of letters, digits and inner dashes (RFC 1123, 2.1), as long as the kernel takes them (HOST_NAME_MAX, 64). */
const pattern = /^(?=.{1,64}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/;

/** The name as given. Errors: EUSAGE where it cannot be one. */
export function parseHostname(text: string): string {
  if (pattern.test(text)) return text;
  throw new RktError(`--hostname ${JSON.stringify(text)}: not a host name`, {
    code: 'EUSAGE',
    hint: 'it has at most 64 letters, digits and dashes, with dots between its parts',
  });
}
