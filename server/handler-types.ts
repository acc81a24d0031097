/**
 * What a handler is given and what it returns, route by route: the table of `protocol/routes.ts` as the coordinator
 * sees it, with content that streams.
 */
import type { ROUTES, RouteName, RouteRequest, RouteResponse } from '../protocol/routes.ts';
import type { SessionId } from '../schemas/person.ts';
import type { Principal } from './access/principal.ts';
import type { KnownMember } from './federation-state.ts';
import type { Selection } from './http/conditional-request.ts';
import type { CookieJar } from './people/session-cookie.ts';

/** Bytes of a request, as they come in, with the hash that the caller has signed. */
export interface IncomingBody {
  readonly source: AsyncIterable<Uint8Array> | Uint8Array;
  readonly sha256: string;
  /** Declared by the caller; undefined where it did not say. */
  readonly length: number | undefined;
}

/** Bytes of a response. */
export interface OutgoingBody {
  /** What was selected of the content. Bytes are shared with others: read-only. */
  readonly source: AsyncIterable<Uint8Array> | Uint8Array;
  /** Of the whole content. */
  readonly sha256: string;
  /** Of the whole content, in bytes. */
  readonly length: number;
  readonly selection: Selection;
  /** The same request may be answered otherwise a little later. */
  readonly mayChange?: true;
}

/** What the caller wants of the content with this hash and length. May throw `rangeInvalid`. */
export type Select = (sha256: string, length: number) => Selection;

type BinaryBody<Request> = Request extends { body: Uint8Array }
  ? Omit<Request, 'body'> & { body: IncomingBody }
  : Request;

export type HandlerRequest<Name extends RouteName> = BinaryBody<RouteRequest<Name>> & {
  /** The caller; absent on public routes and while enrolling. */
  readonly member: (typeof ROUTES)[Name]['access'] extends 'member' ? KnownMember : undefined;
  /** Aborted when nobody waits for the response any more. */
  readonly signal: AbortSignal;
  /** Absent: the whole. */
  readonly select?: Select;
} & ((typeof ROUTES)[Name]['access'] extends 'caller' ? FromCaller : unknown) &
  ((typeof ROUTES)[Name]['access'] extends 'signIn' ? FromBrowser : unknown);

/** Of a request that comes from a browser, as far as is known. */
interface FromBrowser {
  readonly cookies: CookieJar;
}

/** Of a request that somebody is known to have made. */
interface FromCaller extends FromBrowser {
  readonly caller: Principal;
  /** By which the caller is known, where it is one. */
  readonly sessionId?: SessionId;
  /** Asked again by whoever waits before it answers. Throws `memberRevoked`, `keyRetired`, `sessionEnded`, `tokenRefused`. */
  readonly requireValid: () => void;
}

export type HandlerResponse<Name extends RouteName> =
  RouteResponse<Name> extends Uint8Array ? OutgoingBody : RouteResponse<Name>;

export type Handlers = {
  readonly [Name in RouteName]: (request: HandlerRequest<Name>) => Promise<HandlerResponse<Name>>;
};
