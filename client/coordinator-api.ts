/**
 * The coordinator as a participant sees it: one method that makes a request of `protocol/routes.ts`.
 *
 * `http-coordinator.ts` speaks to a real one; the simulator calls the handlers directly.
 */
import type { RouteName, RouteRequest, RouteResponse } from '../protocol/routes.ts';

export interface CallOptions {
  /** Gives up waiting for the response. */
  readonly signal?: AbortSignal;
  /** The most content that is taken into memory, where the answer is bytes; absent: a gibibyte. */
  readonly limitBytes?: number;
  /** SHA-256 of a body of bytes, from a caller who has made it already; believed: a wrong one makes a wrong signature. */
  readonly bodySha256?: Uint8Array;
  /** Names content that takes the place of other content, such as the models of a job: `delta-download.ts`. */
  readonly series?: string;
  /** Told by those who repeat requests: true before each, false when it has failed and a pause follows. */
  readonly onAttempt?: (isUnderWay: boolean) => void;
}

export interface CoordinatorApi {
  /**
   * Bytes in the answer may be shared with others: read-only.
   * @throws the problem that the coordinator answered with; `coordinatorUnreachable` if there was no answer: the
   *   request may or may not have arrived; `coordinatorMisbehaved` if the answer is not of the protocol
   */
  call<Name extends RouteName>(
    name: Name,
    request: RouteRequest<Name>,
    options?: CallOptions,
  ): Promise<RouteResponse<Name>>;
}

/** Problems after which the same request may well succeed a little later. */
export const TRANSIENT: ReadonlySet<string> = new Set([
  'coordinatorUnreachable',
  'proxyFailed',
  'tlsExpired',
  'overloaded',
  'rateLimited',
  'storageFull',
  'storageFailed',
  'signatureExpired',
  'internalError',
]);
