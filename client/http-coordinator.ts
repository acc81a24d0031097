/**
 * Requests to a coordinator over HTTP, each signed (SPEC.md 4.4), each answer parsed before it is believed.
 */
import { primitives } from '#primitives';
import { utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { signRequest } from '../protocol/http-signature.ts';
import { parse } from '../protocol/parse.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError, isProblemCode } from '../protocol/problem.ts';
import {
  BINARY,
  ROUTES,
  type Route,
  type RouteName,
  type RouteResponse,
  routePath,
} from '../protocol/routes.ts';
import { VERSION_HEADER } from '../protocol/versions.ts';
import { ProblemDetails } from '../schemas/problem.ts';
import type { CallOptions, CoordinatorApi } from './coordinator-api.ts';

/** Who signs, and in which version both sides speak. */
export interface Caller {
  readonly signer: Signer;
  readonly nodeId: string;
  readonly version: number;
}

/** Largest answer in JSON that is read into memory. */
const JSON_LIMIT_BYTES = 64 * 2 ** 20;

interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/**
 * @param server origin of the coordinator
 * @param caller absent: only public routes can be called
 */
export function httpCoordinator(server: string, caller: Caller | undefined, clock: Clock): CoordinatorApi {
  return {
    async call(name, request, options) {
      const response = await send(server, name, request, caller, clock, options);
      return (await readResponse(name, response, server)) as RouteResponse<typeof name>;
    },
  };
}

async function send(
  server: string,
  name: RouteName,
  request: AnyRequest,
  caller: Caller | undefined,
  clock: Clock,
  options: CallOptions | undefined,
): Promise<Response> {
  const route: Route = ROUTES[name];
  const target = targetOf(route.path, request);
  const body = bodyOf(request.body);
  const headers: Record<string, string> = {};
  if (body) headers['content-type'] = route.body === 'binary' ? BINARY : 'application/json';
  if (caller && route.access !== 'public') {
    const nonce = new Uint8Array(16);
    primitives.random.fill(nonce);
    const { method } = route;
    const { signer, nodeId, version } = caller;
    const now = Math.floor(clock.now() / 1000);
    const toSign = { method, target, version, ...(body && { bodySha256: await primitives.sha256(body) }) };
    Object.assign(headers, await signRequest(toSign, { signer, nodeId, now, nonce }));
  }
  try {
    return await fetch(server + target, {
      method: route.method,
      headers,
      ...(body && { body: body as Uint8Array<ArrayBuffer> }),
      ...(options?.signal && { signal: options.signal }),
      redirect: 'error',
    });
  } catch (error) {
    throw unreachable(server, error);
  }
}

async function readResponse(name: RouteName, response: Response, server: string): Promise<unknown> {
  if (!response.ok) throw await problemOf(response);
  const { response: form }: Route = ROUTES[name];
  try {
    const bytes = new Uint8Array(await response.arrayBuffer());
    if (form === 'binary') return bytes;
    if (bytes.length > JSON_LIMIT_BYTES)
      throw new HanseError('coordinatorMisbehaved', { what: `${name}: too much` });
    return parse(form, JSON.parse(new TextDecoder().decode(bytes)), name);
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof HanseError && error.code === 'invalidFormat'))
      throw new HanseError('coordinatorMisbehaved', { what: `${name}: ${error.message}` }, { cause: error });
    if (error instanceof HanseError) throw error;
    throw unreachable(server, error);
  }
}

/** The problem in an answer, as it would have been thrown here. */
async function problemOf(response: Response): Promise<HanseError> {
  const what = `HTTP status ${response.status} ${response.headers.get(VERSION_HEADER) ? '' : 'from no coordinator'}`;
  try {
    const details = parse(ProblemDetails, await response.json(), 'problem');
    if (!isProblemCode(details.code)) return new HanseError('coordinatorMisbehaved', { what: details.code });
    return new HanseError(details.code, details.particulars as never);
  } catch {
    return new HanseError('coordinatorMisbehaved', { what: what.trim() });
  }
}

function targetOf(path: string, { params = {}, query = {} }: AnyRequest): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value);
  return routePath(path, params) + (search.size > 0 ? `?${search}` : '');
}

function bodyOf(body: unknown): Uint8Array | undefined {
  if (body === undefined || body instanceof Uint8Array) return body;
  return utf8(JSON.stringify(body));
}

function unreachable(url: string, error: unknown): HanseError {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason =
    cause instanceof Error
      ? cause.message || ((cause as { code?: string }).code ?? cause.name)
      : String(cause);
  return new HanseError('coordinatorUnreachable', { url, reason }, { cause: error });
}
