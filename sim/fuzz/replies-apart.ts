/**
 * A coordinator that answers the messages of secure rounds at once, with nothing that follows upon them: their senders ask
 * for it, as they do when an answer was lost.
 */
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import type { RouteName } from '../../protocol/routes.ts';

const ANSWERED: ReadonlySet<RouteName> = new Set<RouteName>([
  'advertiseKeys',
  'putShares',
  'putMaskedUpdate',
  'putConsent',
]);

export function repliesApart(api: CoordinatorApi): CoordinatorApi {
  return {
    call: (name, request, options) =>
      api.call(name, ANSWERED.has(name) ? { ...request, query: {} } : request, options),
  };
}
