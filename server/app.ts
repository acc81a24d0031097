/**
 * The coordinator on Fastify. Everything it depends on is an argument; `server/commands/serve.ts` provides it.
 */
import { randomUUID } from 'node:crypto';
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import underPressure from '@fastify/under-pressure';
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify';
import { HanseError } from '../protocol/problem.ts';
import { PROTOCOL_VERSIONS } from '../protocol/versions.ts';
import type { Coordinator } from './coordinator.ts';
import { createHandlers } from './handlers.ts';
import { Authenticator } from './http/authenticate.ts';
import { createMetrics } from './http/metrics.ts';
import { isTellable, ofFastifyError, PROBLEM_MEDIA_TYPE, toProblemDetails } from './http/problem-details.ts';
import { registerRoutes } from './http/routes.ts';

export interface AppOptions {
  readonly coordinator: Coordinator;
  /** Receives what goes wrong inside, with the reference that the caller was told. */
  readonly report: (error: unknown, doing: string) => void;
}

export async function buildApp({ coordinator, report }: AppOptions): Promise<FastifyInstance> {
  const { dependencies, federation, settings } = coordinator;
  const app = Fastify({ logger: false, forceCloseConnections: 'idle', requestTimeout: 0 });
  const metrics = createMetrics(coordinator);
  app.setValidatorCompiler(TypeBoxValidatorCompiler);
  await app.register(swagger, {
    openapi: { info: { title: 'Hanse coordinator', version: String(PROTOCOL_VERSIONS.max) } },
  });
  await app.register(helmet, { contentSecurityPolicy: { directives: { defaultSrc: ["'none'"] } } });
  await app.register(underPressure, { maxEventLoopDelay: 5000 });

  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(route, reply.statusCode, reply.elapsedTime / 1000);
  });
  app.setErrorHandler((error: FastifyError | HanseError, request, reply) => {
    const problem = isTellable(error) ? error : (ofFastifyError(error as FastifyError) ?? internal(error));
    metrics.countProblem(problem.code);
    return reply
      .code(toProblemDetails(problem).status)
      .type(PROBLEM_MEDIA_TYPE)
      .send(toProblemDetails(problem));

    function internal(cause: unknown): HanseError {
      const reference = randomUUID();
      report(cause, `${request.method} ${request.routeOptions.url ?? ''}, reference ${reference}`);
      return new HanseError('internalError', { reference });
    }
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.slice(0, 200);
    const problem = toProblemDetails(new HanseError('routeUnknown', { method: request.method, path }));
    return reply.code(problem.status).type(PROBLEM_MEDIA_TYPE).send(problem);
  });

  const hidden = { schema: { hide: true } };
  app.get('/healthz', hidden, async () => ({ status: 'ok' }));
  app.get('/readyz', hidden, async () => {
    const now = new Date(dependencies.clock.now());
    await dependencies.store.claimOnce('readyz', randomUUID(), new Date(now.getTime() + 1000), now);
    return { status: 'ready' };
  });
  app.get('/metrics', hidden, async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  app.get('/openapi.json', hidden, async () => app.swagger());

  registerRoutes(app, {
    handlers: createHandlers(coordinator),
    authenticator: new Authenticator(federation, dependencies.store, dependencies.clock),
    protocol: settings.protocol,
  });
  return app;
}
