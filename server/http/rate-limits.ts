/**
 * How many requests are looked at: of an address as long as nobody knows who sends them, of an organisation from then
 * on. SPEC.md section 9.5.
 *
 * Every request takes a token of its address before anything is done for it. One whose sender is proved gives it back
 * and takes one of the organisation, of all its nodes together: a federation behind a single address never empties the
 * bucket of that address, and a stranger behind it cannot use up what an organisation may do. Reads, writes and queries
 * have buckets of their own, so that somebody's queries hold up no round. An organisation may do as much as its nodes
 * together: a request costs it the n-th part of a token where it has n nodes.
 *
 * Why not `@fastify/rate-limit`: it counts in fixed windows (twice the limit around the end of one), by the clock of the
 * process, under one key for each request, cannot give back, and charges a request by itself and not by what it costs.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../../protocol/clock.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type RateClass, type Route, rateClassOf } from '../../protocol/routes.ts';
import { Allowance } from '../allowance.ts';
import { callerAddress } from './caller-address.ts';

export interface RateSettings {
  /** Requests in a second of one address whose sender is not known; 0: no limit. */
  readonly addressPerSecond: number;
  /** Reads in a second, and as many writes, for each node that an organisation has; 0: no limit. */
  readonly organisationPerSecond: number;
}

/**
 * Far from what any node does that trains, and from what a thousand of them behind one address do when they all start;
 * little of what a coordinator can do.
 */
export const DEFAULT_RATES: RateSettings = { addressPerSecond: 200, organisationPerSecond: 200 };

/** A bucket that is full has the tokens of this time. */
const ADDRESS_BURST_SECONDS = 30;
const ORGANISATION_BURST_SECONDS = 60;

/** Queries look at many entries each. */
const READS_PER_QUERY = 20;

export interface RateLimitsOptions {
  readonly clock: Clock;
  readonly rates: RateSettings;
  /** Whether all requests come through a proxy that says from whom: see `caller-address.ts`. */
  readonly isProxied: boolean;
  /** Nodes that an organisation has now. */
  readonly nodesOf: (organisationId: string) => number;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Whose token the request holds while nobody knows who sends it. */
    chargedAddress: string | undefined;
  }
}

export class RateLimits {
  readonly #options: RateLimitsOptions;
  readonly #addresses: Allowance | undefined;
  readonly #organisations: Readonly<Record<RateClass, Allowance>> | undefined;

  constructor(options: RateLimitsOptions) {
    const { clock, rates } = options;
    const allowance = (perSecond: number, seconds: number) =>
      new Allowance(clock, { most: Math.max(1, perSecond * seconds), everyMs: 1000 / perSecond });
    const ofOrganisation = (perSecond: number) => allowance(perSecond, ORGANISATION_BURST_SECONDS);
    const { addressPerSecond, organisationPerSecond } = rates;
    this.#options = options;
    if (addressPerSecond > 0) this.#addresses = allowance(addressPerSecond, ADDRESS_BURST_SECONDS);
    if (organisationPerSecond > 0)
      this.#organisations = {
        read: ofOrganisation(organisationPerSecond),
        write: ofOrganisation(organisationPerSecond),
        query: ofOrganisation(organisationPerSecond / READS_PER_QUERY),
      };
  }

  /** Before anything else is done for a request. Throws `rateLimited`. */
  arrived(request: FastifyRequest, reply: FastifyReply): void {
    const address = this.#addresses && callerAddress(request.raw, this.#options.isProxied);
    if (!this.#addresses || address === undefined) return;
    this.#take(this.#addresses, { what: 'address', name: address, tokens: 1 }, reply);
    request.chargedAddress = address;
  }

  /** Once it is certain who sends it. Throws `rateLimited`. */
  proved(request: FastifyRequest, reply: FastifyReply, organisationId: string, route: Route): void {
    const { chargedAddress } = request;
    if (chargedAddress !== undefined) this.#addresses?.giveBack(chargedAddress);
    request.chargedAddress = undefined;
    if (!this.#organisations) return;
    const what = rateClassOf(route);
    const tokens = 1 / Math.max(1, this.#options.nodesOf(organisationId));
    this.#take(this.#organisations[what], { what, name: organisationId, tokens }, reply);
  }

  #take(
    allowance: Allowance,
    { what, name, tokens }: { what: RateClass | 'address'; name: string; tokens: number },
    reply: FastifyReply,
  ): void {
    if (allowance.take(name, tokens)) return;
    const retryAfterSeconds = Math.ceil(allowance.waitMs(name, tokens) / 1000);
    reply.header('retry-after', retryAfterSeconds);
    // draft-ietf-httpapi-ratelimit-headers-10: what is left, and in how many seconds there is more.
    reply.header('ratelimit', `"${what}";r=0;t=${retryAfterSeconds}`);
    throw new HanseError('rateLimited', { what, retryAfterSeconds });
  }
}
