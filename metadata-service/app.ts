/** The application that pods talk to. It listens nowhere by itself; see server.ts. */

import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response, Router } from 'express';
import { messageOf } from '../runtime/base/errors.ts';
import type { Log } from '../runtime/base/log.ts';
import { readBody, requireContentType } from './body.ts';
import { type Caller, identifyCaller, type PodLookup, requireToken, requireTokenIfTold } from './caller.ts';
import { createDocument, type Document, type PodDocuments, plainText } from './documents.ts';
import { type ErrorCode, ServiceError } from './errors.ts';
import { parseForm, requiredField } from './form.ts';
import { guardRequest, hasBody } from './guard.ts';
import type { Identity } from './identity.ts';
import type { Limits, RateLimiter } from './limits.ts';
import { lingerOnClose } from './linger.ts';
import type { Metrics } from './metrics.ts';

export interface PodAppOptions {
  readonly pods: PodLookup;
  readonly identity: Identity;
  readonly limits: Limits;
  readonly rate: RateLimiter;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Values of the Host header that are answered. */
  readonly hosts: ReadonlySet<string>;
  /** Whether reading needs the token for every pod. */
  readonly requireToken: boolean;
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
}

/** What the handlers know of a request, in `response.locals`. */
interface Locals {
  caller: Caller;
  /** Name of the endpoint in the metrics. */
  endpoint: string;
}

type PodResponse = Response<unknown, Partial<Locals>>;

/** Refusals after which the connection stays open: honest mistakes about what there is. */
const mayAskAgain: ReadonlySet<ErrorCode> = new Set([
  'not_found',
  'unknown_app',
  'method_not_allowed',
  'missing_field',
]);

/** `/acMetadata/v1/...` with an optional token before it. A token is at least 22 characters, "acMetadata" is shorter. */
const servedPath = /^(?:\/([A-Za-z0-9_-]{22,128}))?\/acMetadata\/v1(\/.+)$/;

export function createPodApp(options: PodAppOptions): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('query parser', false);
  app.use(measure(options), admit(options), createRoutes(options), () => {
    throw new ServiceError('not_found');
  });
  app.use(answerError(options));
  return app;
}

/** Counts every request once its answer is written, or its connection lost. */
function measure({ metrics, now }: PodAppOptions): RequestHandler {
  return (_request, response: PodResponse, next) => {
    const startedMs = now();
    response.once('close', () => {
      metrics.request(response.locals.endpoint ?? 'none', response.statusCode, (now() - startedMs) / 1000);
    });
    next();
  };
}

/** Lets a request through once it is known to be a pod's own, and leaves the path without token and prefix. */
function admit(options: PodAppOptions): RequestHandler {
  return (request, response: PodResponse, next) => {
    guardRequest(request, options.hosts);
    const match = servedPath.exec(request.url);
    const claims = { address: request.socket.remoteAddress ?? '', token: match?.[1] };
    const caller = identifyLimited(options, claims);
    requireTokenIfTold(caller, options.requireToken);
    response.locals.caller = caller;
    if (match === null) throw new ServiceError('not_found');
    request.url = match[2] as string;
    next();
  };
}

/** A request is charged to the pod it comes from, also where its token is wrong; only those of nobody are charged together. */
function identifyLimited(
  { pods, rate }: PodAppOptions,
  claims: { address: string; token: string | undefined },
): Caller {
  let caller: Caller | undefined;
  let refusal: unknown;
  try {
    caller = identifyCaller(pods, claims);
  } catch (error) {
    refusal = error;
  }
  const waitSeconds = rate.take(caller?.pod ?? pods.byAddress(claims.address));
  if (waitSeconds > 0) throw new RateLimited(waitSeconds);
  if (caller === undefined) throw refusal;
  return caller;
}

class RateLimited extends ServiceError {
  readonly waitSeconds: number;

  constructor(waitSeconds: number) {
    super('rate_limited');
    this.waitSeconds = waitSeconds;
  }
}

function createRoutes(options: PodAppOptions): Router {
  const router = Router({ caseSensitive: true, strict: true });
  get(router, '/pod/uuid', (pod) => pod.uuid);
  get(router, '/pod/manifest', (pod) => pod.manifest);
  get(router, '/pod/annotations', (pod) => pod.annotations);
  get(router, '/apps/:app/annotations', (pod, app) => pod.apps.get(app)?.annotations);
  get(router, '/apps/:app/image/manifest', (pod, app) => pod.apps.get(app)?.imageManifest);
  get(router, '/apps/:app/image/id', (pod, app) => pod.apps.get(app)?.imageId);
  post(router, '/pod/hmac/sign', options.limits, (body, caller) => sign(options.identity, body, caller));
  post(router, '/pod/hmac/verify', options.limits, (body) => verify(options.identity, body));
  return router;
}

function get(router: Router, path: string, find: (pod: PodDocuments, app: string) => Document | undefined): void {
  const endpoint = path.slice(1).replace(':', '');
  router
    .route(path)
    .get((request, response: PodResponse) => {
      response.locals.endpoint = endpoint;
      const document = find(callerOf(response).pod.documents, String(request.params.app));
      if (document === undefined) throw new ServiceError('unknown_app');
      send(response, 200, document);
    })
    .all(methodNotAllowed('GET, HEAD'));
}

type FormAnswer = { status: number; document: Document };

function post(
  router: Router,
  path: string,
  limits: Limits,
  answer: (body: Buffer, caller: Caller) => FormAnswer,
): void {
  const endpoint = path.slice(1);
  router
    .route(path)
    .post(async (request, response: PodResponse) => {
      response.locals.endpoint = endpoint;
      const caller = callerOf(response);
      requireToken(caller);
      requireContentType(request, 'application/x-www-form-urlencoded');
      const { status, document } = answer(await readBody(request, limits.bodyBytes), caller);
      send(response, status, document);
    })
    .all(methodNotAllowed('POST'));
}

function sign(identity: Identity, body: Buffer, { pod }: Caller): FormAnswer {
  const content = requiredField(parseForm(body), 'content');
  return { status: 200, document: createDocument(plainText, identity.sign(pod.uuid, content)) };
}

function verify(identity: Identity, body: Buffer): FormAnswer {
  const form = parseForm(body);
  const content = requiredField(form, 'content');
  const uuid = requiredField(form, 'uuid').toString('latin1');
  const signature = requiredField(form, 'signature').toString('latin1');
  return identity.verify(uuid, content, signature)
    ? { status: 200, document: createDocument(plainText, 'The signature is valid.\n') }
    : { status: 403, document: createDocument(plainText, 'The signature is not valid.\n') };
}

function methodNotAllowed(allow: string): RequestHandler {
  return (_request, response) => {
    response.setHeader('Allow', allow);
    throw new ServiceError('method_not_allowed');
  };
}

function callerOf(response: PodResponse): Caller {
  if (response.locals.caller === undefined) throw new Error('a route was reached without a caller');
  return response.locals.caller;
}

function send(response: Response, status: number, { headers, body }: Document): void {
  response.writeHead(status, headers).end(body);
}

/** Answers a refusal in JSON. Whoever was refused for what he is, or sends too much, is disconnected as well. */
function answerError({ metrics, log }: PodAppOptions): ErrorRequestHandler {
  return (thrown, request, response, _next) => {
    const error = toServiceError(thrown);
    if (error.code === 'internal') log.warn(`metadata service: ${request.method} failed: ${messageOf(thrown)}`);
    metrics.refusal(error.code);
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (error instanceof RateLimited) response.setHeader('Retry-After', error.waitSeconds);
    const hasUnread = hasBody(request.headers) && !request.complete;
    if (hasUnread) lingerOnClose(request);
    if (hasUnread || !mayAskAgain.has(error.code)) response.setHeader('Connection', 'close');
    const { headers, body } = createDocument('application/json', error.body());
    response.writeHead(error.status, headers).end(body);
  };
}

/** What is no refusal of ours is a fault; what it says is not for clients. */
function toServiceError(thrown: unknown): ServiceError {
  return thrown instanceof ServiceError ? thrown : new ServiceError('internal');
}
