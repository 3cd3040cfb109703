/**
 * Every refusal that the metadata service can answer with: a stable code, an HTTP status and a sentence. The same list
 * is docs/metadata-service.md, section "Errors"; a test compares the two.
 */

interface CatalogueEntry {
  readonly status: number;
  readonly message: string;
}

const catalogue = {
  bad_request: { status: 400, message: 'The request is not well-formed HTTP/1.1.' },
  absolute_uri: { status: 400, message: 'The request target must be a path, not a URI.' },
  bad_path: { status: 400, message: 'Paths here have no query, percent escapes, dot segments or empty segments.' },
  unexpected_body: { status: 400, message: 'GET and HEAD requests carry no body.' },
  upgrade_refused: { status: 400, message: 'This connection is not upgraded to another protocol.' },
  bad_form: { status: 400, message: 'The body is not a well-formed application/x-www-form-urlencoded form.' },
  missing_field: { status: 400, message: 'A form field is missing.' },
  invalid_registration: { status: 400, message: 'The registration is not valid.' },
  lease_not_kept: { status: 400, message: 'A registration needs a connection that stays open.' },
  bad_host: { status: 403, message: 'The Host header must name the address of the metadata service.' },
  proxied: { status: 403, message: 'Requests that were forwarded by a proxy are not answered.' },
  browser: { status: 403, message: 'Requests that a web page made are not answered.' },
  unknown_caller: { status: 403, message: 'No pod is registered for this source address.' },
  unknown_token: { status: 403, message: 'No pod is registered for this token.' },
  token_mismatch: { status: 403, message: 'The token belongs to another pod than the source address.' },
  token_required: { status: 403, message: 'This request needs the token, as in AC_METADATA_URL.' },
  not_root: { status: 403, message: 'Only root may use the registration socket.' },
  not_on_host: { status: 403, message: 'The registration socket is not for processes in a pod.' },
  not_found: { status: 404, message: 'There is nothing at this path.' },
  unknown_app: { status: 404, message: 'The pod has no app of this name.' },
  unknown_pod: { status: 404, message: 'No pod is registered with this uuid.' },
  method_not_allowed: { status: 405, message: 'The method is not allowed here; see the Allow header.' },
  request_timeout: { status: 408, message: 'The request took too long to arrive.' },
  uuid_registered: { status: 409, message: 'The uuid belongs to another pod that is alive.' },
  address_registered: { status: 409, message: 'The address belongs to another pod that is alive.' },
  token_registered: { status: 409, message: 'The token belongs to another pod that is alive.' },
  lease_in_use: { status: 409, message: 'This connection is the lease of another pod already.' },
  too_many_keys: { status: 409, message: 'The signing key was rotated too often.' },
  body_too_large: { status: 413, message: 'The body is too large.' },
  unsupported_media_type: {
    status: 415,
    message: 'The body must be of the content type that is documented, unencoded.',
  },
  rate_limited: { status: 429, message: 'Too many requests; try again after the time in Retry-After.' },
  headers_too_large: { status: 431, message: 'The request line and headers are too large.' },
  internal: { status: 500, message: 'The metadata service failed; its log says why.' },
  stopping: { status: 503, message: 'The metadata service is stopping.' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof catalogue;

/** The catalogue as rows, for the check against the documentation. */
export function errorCatalogue(): { code: ErrorCode; status: number; message: string }[] {
  return (Object.keys(catalogue) as ErrorCode[]).map((code) => ({ code, ...catalogue[code] }));
}

/** A refusal on its way to the client. */
export class ServiceError extends Error {
  readonly code: ErrorCode;
  readonly status: number;

  /** @param detail what exactly was wrong; follows the catalogue's sentence. */
  constructor(code: ErrorCode, detail?: string) {
    super(detail === undefined ? catalogue[code].message : `${catalogue[code].message} ${detail}`);
    this.name = 'ServiceError';
    this.code = code;
    this.status = catalogue[code].status;
  }

  /** The body of the answer: `{"error":{"code","message"}}` and a newline. */
  body(): string {
    return `${JSON.stringify({ error: { code: this.code, message: this.message } })}\n`;
  }
}
