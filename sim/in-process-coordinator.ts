/**
 * The coordinator's handlers as a `CoordinatorApi`: the production code on both sides, without a network between.
 *
 * Requests are trusted to come from the member they name; everything behind the signature check is the real thing.
 */
import { primitives } from '#primitives';
import type { CoordinatorApi } from '../client/coordinator-api.ts';
import { toHex } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { isDecided, ROUTES, type Route, type RouteName, type RouteResponse } from '../protocol/routes.ts';
import { principalOf } from '../server/access/principal.ts';
import type { Coordinator } from '../server/coordinator.ts';
import type { Handlers, OutgoingBody } from '../server/handler-types.ts';
import { CookieJar } from '../server/people/session-cookie.ts';

interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: object;
  readonly body?: unknown;
}

/**
 * @param nodeId of the member who calls; undefined for somebody who is none yet
 * @param hasStreams without a connection there is nothing to keep open: unless somebody plays one, nodes ask again and
 *   again, as behind a proxy that buffers
 */
export function inProcessCoordinator(
  handlers: Handlers,
  { federation, accessControl }: Pick<Coordinator, 'federation' | 'accessControl'>,
  nodeId: string | undefined,
  hasStreams = false,
): CoordinatorApi {
  return {
    async call(name, request, options) {
      const route: Route = ROUTES[name];
      const all: AnyRequest = request;
      if (route.response === 'lines' && !hasStreams)
        throw new HanseError('routeUnknown', { method: route.method, path: route.path });
      const member = nodeId === undefined ? undefined : federation.requireValid(nodeId);
      if (isDecided(route)) {
        if (!member) throw new HanseError('signatureMissing');
        accessControl.requireRoute(principalOf(member), name as RouteName, all.params ?? {});
      }
      const known = member && {
        member,
        caller: principalOf(member),
        requireValid: () => federation.requireValid(member.nodeId),
        cookies: new CookieJar(undefined, false),
      };
      const { body, ...rest } = all;
      const incoming = body instanceof Uint8Array ? await incomingBody(body) : body;
      const signal = options?.signal ?? new AbortController().signal;
      const handler = handlers[name as RouteName] as (request: object) => Promise<object>;
      const response = await handler({ query: {}, ...rest, body: incoming, ...known, signal });
      const result = route.response === 'binary' ? await collect(response as OutgoingBody) : response;
      return result as RouteResponse<typeof name>;
    },
  };
}

async function incomingBody(source: Uint8Array) {
  return { source, sha256: toHex(await primitives.sha256(source)), length: source.length };
}

/** Bytes as a whole are not copied: all who fetch them share them, and nobody writes to them. */
async function collect({ source, length }: OutgoingBody): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  const whole = new Uint8Array(length);
  let offset = 0;
  for await (const part of source) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
