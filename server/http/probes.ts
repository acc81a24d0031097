/**
 * What whoever runs a coordinator asks it: whether it is there, whether its records can be read, its figures, and its
 * routes.
 */
import type { FastifyInstance } from 'fastify';
import type { Store } from '../store/store.ts';
import type { Metrics } from './metrics.ts';

export function registerProbes(app: FastifyInstance, store: Store, metrics: Metrics): void {
  const hidden = { schema: { hide: true } };
  app.get('/healthz', hidden, async () => ({ status: 'ok' }));
  app.get('/readyz', hidden, async () => {
    // One record is read and nothing written: anybody may ask, as often as they like.
    await store.read('federation', 0, 1);
    return { status: 'ready' };
  });
  app.get('/metrics', hidden, async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  app.get('/openapi.json', hidden, async () => app.swagger());
}
