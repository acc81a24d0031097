/**
 * The coordinator on Fastify. Everything it depends on is an argument; `server/commands/serve.ts` provides it.
 */
import swagger from '@fastify/swagger';
import underPressure from '@fastify/under-pressure';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { HanseError } from '../protocol/problem.ts';
import { ROUTES } from '../protocol/routes.ts';
import { PROTOCOL_VERSIONS } from '../protocol/versions.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers } from './handler-types.ts';
import { createHandlers } from './handlers.ts';
import { Authenticator } from './http/authenticate.ts';
import { limitBody } from './http/body-deadline.ts';
import { createMetrics } from './http/metrics.ts';
import { registerPages } from './http/pages.ts';
import { tellOfClosing } from './http/pipelined-response.ts';
import { registerProbes } from './http/probes.ts';
import { ProblemAnswers } from './http/problem-answers.ts';
import { DEFAULT_RATES, RateLimits, type RateSettings } from './http/rate-limits.ts';
import { refuseBytes, refuseExpectation } from './http/refused-connection.ts';
import { registerRoutes } from './http/routes.ts';
import { serializerCompiler, validatorCompiler } from './http/schema-compilers.ts';
import { SECURITY_HEADERS } from './http/security-headers.ts';
import { TlsListeners } from './http/tls-listeners.ts';
import { organisationSizes } from './organisation-sizes.ts';
import type { WebSite } from './web-site.ts';

export interface AppOptions {
  readonly coordinator: Coordinator;
  /** Receives what goes wrong inside, with the reference that the caller was told. */
  readonly report: (error: unknown, doing: string) => void;
  /** After this long without a byte either way a connection is closed. Default: longer than any request waits. */
  readonly idleMs?: number;
  /** How long a body of JSON may take to arrive. Default: 30 s. */
  readonly bodyMs?: number;
  /** Connections beyond that many are closed at once. Default: 10,000, which together take some hundred megabytes. */
  readonly maxConnections?: number;
  /** What routes come to. Default: the handlers of the coordinator. */
  readonly handlers?: Handlers;
  /** Makes the servers beneath, with TLS or without. Default: without. */
  readonly listeners?: TlsListeners;
  /** How many requests are looked at. Default: `DEFAULT_RATES`. */
  readonly rates?: RateSettings;
  /** Whether all requests come through a proxy, which says from whom. Default: none does. */
  readonly isProxied?: boolean;
  /** The page of a participant. Default: none, which its address says. */
  readonly site?: WebSite;
}

const BODY_MS = 30_000;
const MAX_CONNECTIONS = 10_000;

/** How long a connection is kept for the next request: what Fastify takes too. */
const KEEP_ALIVE_MS = 72_000;

/** A connection may be idle this much longer than a request that waits for something to happen. */
const IDLE_MARGIN_MS = 30_000;

/** How long requests under way may take once the coordinator closes: an upload that is stuck must not hold it up. */
const CLOSING_MS = 5000;

export async function buildApp(options: AppOptions): Promise<FastifyInstance> {
  const { coordinator, report, idleMs, bodyMs = BODY_MS, maxConnections = MAX_CONNECTIONS } = options;
  const { listeners = new TlsListeners(), handlers = createHandlers(coordinator) } = options;
  const { rates = DEFAULT_RATES, isProxied = false } = options;
  const { dependencies, federation, settings } = coordinator;
  const { protocol } = settings;
  const perListener = {
    idleMs: idleMs ?? settings.longestWaitMs + IDLE_MARGIN_MS,
    keepAliveMs: KEEP_ALIVE_MS,
    maxConnections,
  };
  const metrics = createMetrics(coordinator);
  const denied = coordinator.access?.denied;
  const answers = new ProblemAnswers({ metrics, report, clock: dependencies.clock, protocol, denied });
  const app = Fastify({
    // A signature in hex is the longest that stands in a path.
    routerOptions: { maxParamLength: 128 },
    logger: false,
    forceCloseConnections: 'idle',
    // While closing, requests on open connections get an answer in our own form: see the hook below.
    return503OnClosing: false,
    // Of a caller whom nobody knows no more is read than enrolling takes; routes say what else they take.
    bodyLimit: ROUTES.enrol.bodyLimitBytes,
    exposeHeadRoutes: false,
    serverFactory: (handler) => {
      const server = listeners.create(handler, perListener);
      server.on('checkExpectation', (request, response) => refuseExpectation(request, response, protocol));
      return server;
    },
    clientErrorHandler: (error, socket) => refuseBytes(error, socket, protocol),
    frameworkErrors: (error, request, reply) => answers.ofError(error, request, reply),
  });
  app.addHook('onRequest', async ({ raw, headers }, reply) => {
    reply.headers(SECURITY_HEADERS);
    tellOfClosing(raw.socket, reply.raw);
    limitBody(raw, bodyMs);
    if (headers.host === undefined && raw.httpVersion !== '1.0')
      throw new HanseError('invalidFormat', { where: 'header host', expected: 'one' });
  });
  const limits = new RateLimits({
    ...{ clock: dependencies.clock, rates, isProxied },
    nodesOf: organisationSizes(federation),
  });
  app.decorateRequest('chargedAddress', undefined);
  app.addHook('onRequest', async (request, reply) => limits.arrived(request, reply));
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  await app.register(swagger, {
    openapi: { info: { title: 'Hanse coordinator', version: String(PROTOCOL_VERSIONS.max) } },
  });
  await app.register(underPressure, {
    maxEventLoopDelay: 5000,
    // The delay is infinite when none has been sampled yet, at the start of a busy process: that is no overload.
    pressureHandler: async (_request, _reply, _type, delay) => {
      if (Number.isFinite(delay)) throw new HanseError('overloaded');
    },
  });

  app.addHook('onRequest', async () => {
    if (coordinator.closing.aborted) throw new HanseError('overloaded');
  });
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSING_MS).unref();
  });
  app.addHook('onClose', async () => {
    await coordinator.access?.close();
  });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(route, reply.statusCode, reply.elapsedTime / 1000);
  });
  app.setErrorHandler((error: FastifyError | HanseError, request, reply) =>
    answers.ofError(error, request, reply),
  );
  app.setNotFoundHandler(({ method, url }, reply) =>
    answers.ofProblem(
      new HanseError('routeUnknown', { method, path: url.split('?', 1)[0]?.slice(0, 200) ?? '' }),
      reply,
    ),
  );

  registerPages(app, options.site);
  registerProbes(app, dependencies.store, metrics);
  registerRoutes(app, {
    handlers,
    authenticator: new Authenticator(coordinator, dependencies.store, dependencies.clock),
    accessControl: coordinator.accessControl,
    protocol,
    limits,
  });
  return app;
}
