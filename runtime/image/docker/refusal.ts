/** What a registry says of its refusals (OCI distribution-spec, Error Codes), for people. */

import { describeStatus } from '../http/errors.ts';
import type { HttpResponse } from '../http/types.ts';

/** Bytes of an answer that are looked at. */
const maxRefusal = 64 * 1024;

/** Characters that are shown of one message. */
const maxShown = 200;

/** The first message of `{"errors": [{"code": …, "message": …}]}`; undefined where the text is anything else. */
function messageIn(text: string): string | undefined {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown };
    const message = Array.isArray(errors) ? (errors[0] as { message?: unknown } | null)?.message : undefined;
    return typeof message === 'string' && message.trim() !== '' ? message.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** Quoted, on one line, and without anything that a terminal could take for an order. */
function quoted(message: string): string {
  const clean = message.replace(/[^\x20-\x7e]+/g, ' ').replaceAll('"', "'");
  return `"${clean.length <= maxShown ? clean : `${clean.slice(0, maxShown - 1)}…`}"`;
}

/** Takes the body of a refusal: ` ("pull rate limit reached")` where it has a message of the server's own, or nothing. */
export async function remarkOf(response: HttpResponse): Promise<string> {
  let message: string | undefined;
  try {
    message = messageIn(await response.text(maxRefusal));
  } catch {
    // Too long, or cut short: the status says enough.
  }
  return message === undefined ? '' : ` (${quoted(message)})`;
}

/** What a status means where `host` was asked for something of `repository`: the end of a sentence. */
export function refusalOf(status: number, host: string, repository: string): string {
  if (status === 404) return `the registry ${host} does not have it in ${repository}`;
  if (status === 401 || status === 403) return `the registry ${host} does not let you read ${repository}`;
  return `the registry ${host} answers ${describeStatus(status)}`;
}

const credentialsHint =
  'put them into a file of kind "dockerAuth" in auth.d of the configuration (docs/docker-images.md)';

/** What may help against a status, as the options of an error. */
export function hintFor(status: number): { hint?: string } {
  if (status === 401 || status === 403) return { hint: `where it needs credentials, ${credentialsHint}` };
  if (status === 429) return { hint: `wait a while; credentials may raise the limit: ${credentialsHint}` };
  return {};
}
