/**
 * Requests of a page to the coordinator that has sent it, with the cookie of whoever is signed in. SPEC.md section 4.11.
 */
import { HanseError, isProblemCode } from '../../protocol/problem.ts';
import {
  ROUTES,
  type Route,
  type RouteName,
  type RouteRequest,
  type RouteResponse,
  routePath,
} from '../../protocol/routes.ts';
import { PROTOCOL_VERSIONS, VERSION_HEADER } from '../../protocol/versions.ts';

/** Throws the problem that the coordinator answers; `coordinatorUnreachable`. */
export type Ask = <Name extends RouteName>(
  name: Name,
  request: RouteRequest<Name>,
) => Promise<RouteResponse<Name>>;

interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export const askSameOrigin: Ask = async <Name extends RouteName>(name: Name, request: RouteRequest<Name>) => {
  const { method, path }: Route = ROUTES[name];
  const { params = {}, body }: AnyRequest = request;
  const target = routePath(path, params);
  const headers: Record<string, string> = { [VERSION_HEADER]: String(PROTOCOL_VERSIONS.max) };
  if (body !== undefined) headers['content-type'] = 'application/json';
  const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const answer = await fetch(target, { ...sent, credentials: 'same-origin', redirect: 'error' }).catch(
    (cause) => {
      throw new HanseError(
        'coordinatorUnreachable',
        { url: location.origin, reason: 'no answer' },
        { cause },
      );
    },
  );
  const said: { readonly code?: string; readonly particulars?: object } = await answer.json();
  if (answer.ok) return said as RouteResponse<Name>;
  const code = said.code !== undefined && isProblemCode(said.code) ? said.code : 'internalError';
  throw new HanseError(code, (said.particulars ?? {}) as never);
};
