/**
 * The route table on Fastify: each row becomes a route that checks version, signature, access and form, then calls its
 * handler. Nothing here knows what a route means.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { equalBytes, toHex } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import {
  BINARY,
  JSON_LIMIT_BYTES,
  LINES,
  ROUTES,
  type Route,
  type RouteName,
} from '../../protocol/routes.ts';
import { checkVersion, formatRange, VERSION_HEADER, type VersionRange } from '../../protocol/versions.ts';
import type { NodeId } from '../../schemas/ids.ts';
import type { EnrolmentRequest } from '../../schemas/member.ts';
import { ProblemDetails } from '../../schemas/problem.ts';
import type { AccessControl } from '../access/access-control.ts';
import type { Handlers, IncomingBody, OutgoingBody } from '../handler-types.ts';
import type { CookieJar } from '../people/session-cookie.ts';
import { bytesOfShared } from '../shared-answer.ts';
import type { Authenticated, Authenticator } from './authenticate.ts';
import { mayTakeItsTime } from './body-deadline.ts';
import { select } from './conditional-request.ts';
import { isDeeperThan, MOST_LEVELS } from './json-depth.ts';
import type { RateLimits } from './rate-limits.ts';
import { RequestsInFlight } from './requests-in-flight.ts';

/** As long as a caller is given to notice that its body has been refused. */
const LINGER_MS = 2000;

/** How much of a content waits for a reader beside the piece that is being sent to it. */
const AHEAD_BYTES = 65_536;

/** All of the rest of a path. */
const REST = /:(\w+)\*$/;

/** As Fastify names it. */
const JSON_TYPE = 'application/json; charset=utf-8';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before the body is read; undefined on public routes. */
    authenticated: Authenticated | undefined;
    /** Undefined on public routes. */
    cookies: CookieJar | undefined;
    /** Whoever is known to have sent it, also where it is refused; undefined while that is not certain. */
    signer: NodeId | undefined;
  }
}

export interface RoutesOptions {
  readonly handlers: Handlers;
  readonly authenticator: Authenticator;
  readonly accessControl: AccessControl;
  readonly protocol: VersionRange;
  readonly limits: RateLimits;
}

export function registerRoutes(app: FastifyInstance, options: RoutesOptions): void {
  app.decorateRequest('authenticated', undefined);
  app.decorateRequest('cookies', undefined);
  app.decorateRequest('signer', undefined);
  readBodies(app);
  const inFlight = new RequestsInFlight();
  for (const name of Object.keys(ROUTES) as RouteName[]) registerRoute(app, name, options, inFlight);
}

function registerRoute(
  app: FastifyInstance,
  name: RouteName,
  options: RoutesOptions,
  inFlight: RequestsInFlight,
): void {
  const { handlers, authenticator, accessControl, protocol, limits } = options;
  const route: Route = ROUTES[name];
  const handler = handlers[name] as (request: unknown) => Promise<object>;
  app.route({
    method: route.method,
    url: route.path.replace(REST, '*'),
    bodyLimit: route.bodyLimitBytes ?? JSON_LIMIT_BYTES,
    schema: schemaOf(name, route),
    onRequest: async (request, reply) => {
      reply.header(VERSION_HEADER, formatRange(protocol));
      if (route.access === 'public') return;
      const cookies = authenticator.cookiesOf(request.headers);
      // What is told to somebody is for nobody else, and no cache.
      if (route.access === 'caller' || route.access === 'signIn') reply.header('cache-control', 'no-store');
      request.cookies = cookies;
      checkVersion(single(request.headers[VERSION_HEADER]), protocol);
      const { method, headers } = request;
      const head = { method, target: request.raw.url ?? '', headers, hasBody: route.body !== undefined };
      if (route.access === 'signIn') return authenticator.requireSameOrigin(head);
      request.authenticated = await authenticator.check(head, route.access, cookies, (id) => {
        request.signer = id;
      });
      const { caller, owner } = request.authenticated;
      if (caller) {
        limits.proved(request, reply, caller.organisationId, route);
        accessControl.requireRoute(caller, name, request.params as Record<string, string>);
        const leave = inFlight.enter(owner);
        reply.raw.once('close', leave);
        if (reply.raw.destroyed) leave(); // it broke while the signature was looked at
      }
      if (route.body === 'binary') mayTakeItsTime(request.raw);
    },
    preValidation: async (request) => {
      requireMediaType(request, route);
      nameRest(request, route);
    },
    preHandler: async (request) => {
      const { signature } = request.authenticated ?? {};
      if (route.access !== 'enrolling' || !signature) return;
      await authenticator.checkEnrolling(signature, request.body as EnrolmentRequest);
    },
    handler: async (request, reply) => {
      const { params, query, body } = validated(request, route);
      const { authenticated, cookies } = request;
      authenticated?.requireValid();
      const signal = abortedWithout(reply);
      const selected = (sha256: string, length: number) => select(request.headers, etagOf(sha256), length);
      const known = { ...authenticated, cookies };
      const response = await handler({ params, query, body, ...known, signal, select: selected });
      if (cookies) setCookies(reply, cookies);
      if (route.response === 'binary') {
        // What a browser kept of somebody who is signed in would be there for whoever uses it next.
        const { kind = 'node' } = authenticated?.caller ?? {};
        const mayKeep = kind === 'node';
        return sendBinary(reply, response as OutgoingBody, { mediaType: route.mediaType, mayKeep });
      }
      if (route.response === 'lines') return sendLines(reply, response as AsyncIterable<object>);
      const shared = bytesOfShared(response);
      return shared ? reply.type(JSON_TYPE).send(shared) : response;
    },
    onResponse: async ({ raw }) => {
      if (!raw.complete) linger(raw);
    },
  });
}

function setCookies(reply: FastifyReply, { answers }: CookieJar): void {
  if (answers.length > 0) reply.header('set-cookie', [...answers]);
}

/** The parts that the route has a schema for: nothing else of a request has been looked at, and nobody needs it. */
function validated(request: FastifyRequest, route: Route) {
  const { params, query, body } = request;
  return {
    params: route.params ? params : {},
    query: route.query ? query : {},
    body: route.body === 'binary' ? incomingBody(request) : route.body && body,
  };
}

/** Bodies are read only after the head has been authenticated, and JSON only counts if it has the signed hash. */
function readBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parseJson = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    const expected = request.authenticated?.signature?.bodySha256;
    const bytes = body as Buffer;
    if (expected && !equalBytes(createHash('sha256').update(bytes).digest(), expected))
      return done(
        new HanseError('hashMismatch', { what: 'body', expected: toHex(expected), got: 'another' }),
      );
    if (isDeeperThan(MOST_LEVELS, bytes))
      return done(
        new HanseError('invalidFormat', { where: 'body', expected: `JSON of at most ${MOST_LEVELS} levels` }),
      );
    let text: string;
    try {
      text = UTF8.decode(bytes);
    } catch (cause) {
      return done(new HanseError('invalidFormat', { where: 'body', expected: 'UTF-8' }, { cause }));
    }
    return parseJson(request, text, done);
  });
  app.addContentTypeParser(BINARY, (_request, payload, done) => done(null, payload));
}

/** What our table names and Fastify calls `*`. */
function nameRest(request: FastifyRequest, { path }: Route): void {
  const [, name] = REST.exec(path) ?? [];
  if (name === undefined) return;
  const { '*': rest, ...params } = request.params as Record<string, string>;
  request.params = { ...params, [name]: rest };
}

/** A parser has read the body by its own media type; whether that is the one of the route shows only here. */
function requireMediaType({ body, raw }: FastifyRequest, route: Route): void {
  const isBinary = body === raw;
  if (route.body === 'binary' && !isBinary)
    throw new HanseError('mediaTypeUnsupported', { expected: BINARY });
  if (route.body !== 'binary' && isBinary)
    throw new HanseError('mediaTypeUnsupported', { expected: 'application/json' });
}

function incomingBody(request: FastifyRequest): IncomingBody {
  const sha256 = request.authenticated?.signature?.bodySha256;
  if (!sha256) throw new Error('unreachable: a signature that covers no body is refused');
  const declared = request.headers['content-length'];
  return {
    source: piecesOf(request.raw),
    sha256: toHex(sha256),
    length: declared === undefined ? undefined : Number(declared),
  };
}

/**
 * Reads and drops the rest of a refused body, so that the answer arrives and the connection can be used again; for a
 * while only, as the rest may never come.
 */
function linger(raw: IncomingMessage): void {
  const timer = setTimeout(() => raw.socket.destroy(), LINGER_MS).unref();
  raw.once('close', () => clearTimeout(timer));
  raw.resume();
}

/** Whoever stops reading leaves the connection whole, so that the reason can be told over it. */
async function* piecesOf(raw: IncomingMessage): AsyncIterable<Uint8Array> {
  try {
    yield* raw.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw new HanseError('invalidFormat', { where: 'body', expected: 'all of it' }, { cause: error });
  }
}

/**
 * A stream is read as fast as the other side takes it, some pieces ahead at most. Who takes nothing is cut off by the
 * time limit of idle connections.
 */
function sendBinary(
  reply: FastifyReply,
  body: OutgoingBody,
  { mediaType = BINARY, mayKeep }: { mediaType: string | undefined; mayKeep: boolean },
): FastifyReply {
  const { source, sha256, length, selection, mayChange = false } = body;
  if (mayChange) reply.header('cache-control', 'no-store');
  else {
    reply.header('etag', etagOf(sha256));
    reply.header('cache-control', mayKeep ? 'private, max-age=31536000, immutable' : 'no-store');
    reply.header('accept-ranges', 'bytes');
  }
  if (selection.type === 'notModified') return reply.code(304).send();
  const { start, end } = selection.type === 'part' ? selection.range : { start: 0, end: length };
  if (selection.type === 'part') {
    reply.code(206);
    reply.header('content-range', `bytes ${start}-${end - 1}/${length}`);
  }
  reply.header('content-type', mediaType);
  reply.header('content-length', end - start);
  if (source instanceof Uint8Array)
    return reply.send(Buffer.from(source.buffer, source.byteOffset, source.length));
  return reply.send(Readable.from(source, { objectMode: false, highWaterMark: AHEAD_BYTES }));
}

function etagOf(sha256: string): string {
  return `"${sha256}"`;
}

/** Each line as soon as there is one. Proxies are asked to pass them on as they come. */
function sendLines(reply: FastifyReply, lines: AsyncIterable<object>): FastifyReply {
  reply.header('content-type', LINES);
  reply.header('cache-control', 'no-store, no-transform');
  reply.header('x-accel-buffering', 'no');
  return reply.send(Readable.from(asText(lines), { objectMode: false, highWaterMark: 1 }));
}

async function* asText(lines: AsyncIterable<object>): AsyncIterable<string> {
  for await (const line of lines) yield `${JSON.stringify(line)}\n`;
}

/** Aborted when the connection closes before the reply was sent. */
function abortedWithout(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  return controller.signal;
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}

function schemaOf(name: RouteName, route: Route): Record<string, unknown> {
  const { summary, params, query, body } = route;
  return {
    operationId: name,
    summary,
    ...(params && { params }),
    ...(query && { querystring: query }),
    ...(body === 'binary' ? { consumes: [BINARY] } : body && { body }),
    ...(route.response === 'binary' && { produces: [route.mediaType ?? BINARY] }),
    response: {
      200: successOf(route),
      '4xx': ProblemDetails,
      '5xx': ProblemDetails,
    },
  };
}

function successOf({ response, line }: Route): unknown {
  switch (response) {
    case 'binary':
      return { type: 'string', format: 'binary' };
    case 'lines':
      return { description: 'one of these a line', content: { [LINES]: { schema: line } } };
    default:
      return response;
  }
}
