/**
 * Requests to a coordinator over HTTP, each signed (SPEC.md 4.4), each answer parsed before it is believed.
 */
import type { TSchema } from 'typebox';
import { primitives } from '#primitives';
import { utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { signRequest } from '../protocol/http-signature.ts';
import { requireConfidential } from '../protocol/loopback.ts';
import { parse } from '../protocol/parse.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError, isProblem, isProblemCode } from '../protocol/problem.ts';
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
import { type Exchange, type ExchangeAnswer, type ExchangeRequest, fetchExchange } from './exchange.ts';
import { jsonLines } from './json-lines.ts';
import { ResumableDownloads } from './resumable-download.ts';
import { tlsProblem } from './tls-problem.ts';

/** Who signs, and in which version both sides speak. */
export interface Caller {
  readonly signer: Signer;
  readonly nodeId: string;
  readonly version: number;
}

/** Largest answer in JSON that is read into memory. */
const JSON_LIMIT_BYTES = 64 * 2 ** 20;
/** Longest line of an answer in lines. */
const LINE_LIMIT_BYTES = 2 ** 20;
/** Largest content that is read into memory where the caller does not know better. */
const CONTENT_LIMIT_BYTES = 2 ** 30;

type Headers = Readonly<Record<string, string>>;

interface AnyRequest {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
}

/**
 * @param server origin of the coordinator
 * @param caller absent: only public routes can be called
 * @throws `plainHttpRefused`
 */
export function httpCoordinator(
  server: string,
  caller: Caller | undefined,
  clock: Clock,
  exchange: Exchange = fetchExchange,
): CoordinatorApi {
  requireConfidential(new URL(server));
  const downloads = new ResumableDownloads();
  const send = async (name: RouteName, request: AnyRequest, options?: CallOptions, added?: Headers) => {
    const toSend = await prepare(server, name, request, caller, clock, options);
    const answer = await exchange({ ...toSend, headers: { ...toSend.headers, ...added } }).catch(
      (error: unknown) => {
        throw unreachable(server, error);
      },
    );
    if (answer.status < 200 || answer.status > 299) throw await problemOf(answer, server);
    if (!isFromCoordinator(answer)) throw stranger(answer, server);
    return answer;
  };
  const ask = async (name: RouteName, request: AnyRequest, options?: CallOptions): Promise<unknown> => {
    const { path, response: form, line }: Route = ROUTES[name];
    if (form === 'binary')
      return downloads.fetch({
        key: targetOf(path, request),
        limitBytes: options?.limitBytes ?? CONTENT_LIMIT_BYTES,
        ask: (headers) => send(name, request, options, headers),
        broken: (error) => unreachable(server, error),
        signal: options?.signal,
      });
    const answer = await send(name, request, options);
    return form === 'lines' ? readLines(name, line, answer, server) : readAnswer(name, form, answer, server);
  };
  return {
    call: async (name, request, options) => (await ask(name, request, options)) as RouteResponse<typeof name>,
  };
}

async function prepare(
  server: string,
  name: RouteName,
  request: AnyRequest,
  caller: Caller | undefined,
  clock: Clock,
  options: CallOptions | undefined,
): Promise<ExchangeRequest> {
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
    const bodySha256 = body && (options?.bodySha256 ?? (await primitives.sha256(body)));
    const toSign = { method, target, version, ...(bodySha256 && { bodySha256 }) };
    Object.assign(headers, await signRequest(toSign, { signer, nodeId, now, nonce }));
  }
  const { signal } = options ?? {};
  return {
    url: server + target,
    method: route.method,
    headers,
    ...(body && { body }),
    ...(signal && { signal }),
  };
}

async function readAnswer(
  name: RouteName,
  form: TSchema,
  answer: ExchangeAnswer,
  server: string,
): Promise<unknown> {
  try {
    return parse(form, await readJson(answer), name);
  } catch (error) {
    throw failureOfAnswer(error, server);
  }
}

/** Each line when it comes; the answer may end in any of the problems that other answers end in. */
async function* readLines(
  name: RouteName,
  line: TSchema | undefined,
  answer: ExchangeAnswer,
  server: string,
): AsyncGenerator<unknown, void, undefined> {
  if (!line) throw new Error(`unreachable: ${name} has no schema of a line`);
  try {
    for await (const value of jsonLines(answer.pieces(), LINE_LIMIT_BYTES)) yield parse(line, value, name);
  } catch (error) {
    throw failureOfAnswer(error, server);
  }
}

function failureOfAnswer(error: unknown, server: string): HanseError {
  if (isProblem(error, 'invalidFormat'))
    return new HanseError('coordinatorMisbehaved', { what: error.message }, { cause: error });
  return error instanceof HanseError ? error : unreachable(server, error);
}

/** The problem in an answer, as it would have been thrown here. */
async function problemOf(answer: ExchangeAnswer, server: string): Promise<HanseError> {
  let details: ProblemDetails;
  try {
    details = parse(ProblemDetails, await readJson(answer), 'problem');
  } catch (error) {
    if (!isFromCoordinator(answer)) return stranger(answer, server);
    if (!isProblem(error)) return unreachable(server, error);
    return new HanseError('coordinatorMisbehaved', {
      what: `HTTP status ${answer.status} without a problem`,
    });
  }
  if (!isProblemCode(details.code))
    return new HanseError('coordinatorMisbehaved', { what: `the unknown code ${details.code.slice(0, 40)}` });
  return new HanseError(details.code, details.particulars as never);
}

/** Throws `invalidFormat` for what is no JSON, with nothing of its content: an answer may hold a token. */
async function readJson(answer: ExchangeAnswer): Promise<unknown> {
  const bytes = await readBytes(answer, JSON_LIMIT_BYTES);
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new HanseError('invalidFormat', { where: 'answer', expected: 'JSON' });
  }
}

/** What arrives is counted: no length that the answer states is believed. */
async function readBytes(answer: ExchangeAnswer, limitBytes: number): Promise<Uint8Array> {
  const bytes = await answer.bytes(limitBytes);
  if (bytes) return bytes;
  throw new HanseError('coordinatorMisbehaved', { what: `an answer of more than ${limitBytes} bytes` });
}

/** Every answer of a route names the versions of the coordinator; that of a proxy or a login page does not. */
function isFromCoordinator(answer: ExchangeAnswer): boolean {
  return answer.header(VERSION_HEADER) !== undefined;
}

/** Something on the way answered in place of the coordinator, which may be back later. */
function stranger({ status }: ExchangeAnswer, url: string): HanseError<'coordinatorUnreachable'> {
  return new HanseError('coordinatorUnreachable', {
    url,
    reason: `HTTP status ${status} from something else`,
  });
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
  if (isProblem(error)) return error; // of a proxy on the way
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const distrust = tlsProblem(url, cause);
  if (distrust) return distrust;
  const reason = otherScheme(url, cause) ?? textOf(cause);
  return new HanseError('coordinatorUnreachable', { url, reason }, { cause: error });
}

/** What OpenSSL says of an answer that is no TLS, and Node of a connection that ends without an answer. */
function otherScheme(url: string, cause: unknown): string | undefined {
  const { code } = cause as { code?: unknown };
  if (url.startsWith('https:') && (code === 'EPROTO' || code === 'ERR_SSL_WRONG_VERSION_NUMBER'))
    return 'no TLS is spoken there; if that is right, its address begins with http:// and not https://';
  if (url.startsWith('http:') && code === 'ECONNRESET')
    return `${textOf(cause)}; if TLS is spoken there, its address begins with https:// and not http://`;
  return undefined;
}

function textOf(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  return cause.message || ((cause as { code?: string }).code ?? cause.name);
}
