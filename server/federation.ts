/**
 * The members of a federation and the invites that make them. SPEC.md section 4.
 */
import { primitives } from '#primitives';
import { hexBytes, toBase64Url, toHex, utf8 } from '../protocol/bytes.ts';
import type { Clock } from '../protocol/clock.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import { HanseError } from '../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../protocol/random.ts';
import { FederationEvent } from '../schemas/federation-event.ts';
import type { NodeId } from '../schemas/ids.ts';
import type {
  Capabilities,
  Enrolment,
  EnrolmentRequest,
  Invite,
  InviteRequest,
  Role,
} from '../schemas/member.ts';
import { Allowance } from './allowance.ts';
import { EventStream } from './event-stream.ts';
import type { Store } from './store/store.ts';

export interface KnownMember {
  readonly nodeId: NodeId;
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly role: Role;
  readonly organisationId: string;
  readonly enrolledAt: string;
  readonly capabilities: Capabilities | null;
}

interface KnownInvite {
  readonly role: Role;
  readonly organisationId: string;
  readonly expiresAt: string;
  readonly spentBy: NodeId | null;
}

interface FederationState {
  readonly federationId: string | null;
  readonly coordinatorKey: string | null;
  readonly members: ReadonlyMap<NodeId, KnownMember>;
  readonly invites: ReadonlyMap<string, KnownInvite>;
}

const STREAM = 'federation';

/** Changes of its capabilities that a node may report: twenty at once, then one in a quarter of an hour. */
const CHANGES = { most: 20, everyMs: 900_000 };

export class Federation {
  readonly #stream: EventStream<FederationState, FederationEvent>;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #changes: Allowance;

  private constructor(
    stream: EventStream<FederationState, FederationEvent>,
    { clock, random }: { clock: Clock; random: RandomSource },
  ) {
    this.#stream = stream;
    this.#clock = clock;
    this.#random = random;
    this.#changes = new Allowance(clock, CHANGES);
  }

  /**
   * Opens the federation of this store, or founds it, with its operator as first member.
   *
   * A new key of the operator becomes a member too. Why: whoever starts the coordinator holds all of its data already,
   * and a start that failed after the federation was founded may have lost the first key.
   *
   * @param keys Ed25519 public keys; a store that belongs to another coordinator is `storageCorrupt`
   * @param expectedId of the federation that must be in the store, where there has been one; a store that is empty, or
   *   holds another, is then `storageCorrupt`
   */
  static async open(
    store: Store,
    keys: { readonly coordinator: Uint8Array; readonly operator: Uint8Array },
    platform: { readonly clock: Clock; readonly random: RandomSource },
    expectedId?: string,
  ): Promise<Federation> {
    const stream = await EventStream.open<FederationState, FederationEvent>(store, platform.clock, {
      name: STREAM,
      schema: FederationEvent,
      initial: { federationId: null, coordinatorKey: null, members: new Map(), invites: new Map() },
      fold,
    });
    const { federationId } = stream.state;
    if (expectedId !== undefined && federationId !== expectedId) {
      const held = federationId === null ? 'no federation' : federationId;
      throw new HanseError('storageCorrupt', {
        path: STREAM,
        reason: `the records hold ${held}, the keys belong to ${expectedId}`,
      });
    }
    const federation = new Federation(stream, platform);
    await federation.#found(toHex(keys.coordinator), keys.operator);
    return federation;
  }

  get id(): string {
    return this.#stream.state.federationId ?? '';
  }

  member(nodeId: NodeId): KnownMember | undefined {
    return this.#stream.state.members.get(nodeId);
  }

  members(): Iterable<KnownMember> {
    return this.#stream.state.members.values();
  }

  /** The token is in the answer and nowhere else. */
  async invite(request: InviteRequest, by: NodeId): Promise<Invite> {
    const token = toBase64Url(randomBytes(this.#random, 32));
    const tokenSha256 = await hashToken(token);
    const expiresAt = new Date(this.#clock.now() + request.lifetimeSeconds * 1000).toISOString();
    const { role, organisationId } = request;
    await this.#stream.command(() => [
      { type: 'inviteCreated', tokenSha256, role, organisationId, expiresAt, by },
    ]);
    return { token, role, organisationId, expiresAt };
  }

  /**
   * @param request attacker-controlled, but signed with the key it names
   * @throws `inviteUnknown`, `inviteExpired`, `inviteSpent`; the same node with the same invite is told again that it
   *   is a member, so that an answer lost on the way does no harm
   */
  async enrol(request: EnrolmentRequest): Promise<Enrolment> {
    const tokenSha256 = await hashToken(request.token);
    const publicKey = hexBytes(request.publicKey);
    const nodeId = await nodeIdOf(publicKey);
    const state = await this.#stream.command((current, at) => {
      const invite = current.invites.get(tokenSha256);
      if (!invite) throw new HanseError('inviteUnknown');
      if (invite.spentBy === nodeId) return [];
      if (invite.spentBy !== null) throw new HanseError('inviteSpent');
      if (invite.expiresAt <= at) throw new HanseError('inviteExpired', { expiredAt: invite.expiresAt });
      const { role, organisationId } = invite;
      const { name } = request;
      return [
        {
          type: 'memberEnrolled',
          nodeId,
          publicKey: request.publicKey,
          name,
          role,
          organisationId,
          tokenSha256,
        },
      ];
    });
    const member = state.members.get(nodeId);
    if (!member) throw new Error('unreachable: the member was just enrolled');
    return { federationId: this.id, nodeId, organisationId: member.organisationId, role: member.role };
  }

  /**
   * What is known already is not written again, and what changes again and again not for ever.
   * @throws `overloaded` after more changes than a node that is set up anew ever makes
   */
  async reportCapabilities(nodeId: NodeId, capabilities: Capabilities): Promise<void> {
    await this.#stream.command(({ members }) => {
      const known = members.get(nodeId)?.capabilities;
      if (JSON.stringify(known) === JSON.stringify(capabilities)) return [];
      if (!this.#changes.take(nodeId)) throw new HanseError('overloaded');
      return [{ type: 'capabilitiesReported', nodeId, capabilities }];
    });
  }

  async #found(coordinatorKey: string, operatorKey: Uint8Array): Promise<void> {
    const nodeId = await nodeIdOf(operatorKey);
    const publicKey = toHex(operatorKey);
    await this.#stream.command((state) => {
      if (state.coordinatorKey !== null && state.coordinatorKey !== coordinatorKey)
        throw new HanseError('storageCorrupt', {
          path: STREAM,
          reason: 'the records belong to a coordinator with another key',
        });
      const events: FederationEvent[] = [];
      if (state.coordinatorKey === null) {
        const federationId = `fed-${toHex(randomBytes(this.#random, 8))}`;
        events.push({ type: 'federationCreated', federationId, coordinatorKey });
      }
      if (!state.members.has(nodeId))
        events.push({
          type: 'memberEnrolled',
          nodeId,
          publicKey,
          name: 'operator',
          role: 'operator',
          organisationId: 'operator',
          tokenSha256: null,
        });
      return events;
    });
  }
}

/** Throws for an event that cannot follow upon this state. */
function fold(state: FederationState, event: FederationEvent, at: string): FederationState {
  const isFounding = event.type === 'federationCreated';
  if (isFounding !== (state.federationId === null))
    throw new Error(
      isFounding ? 'it founds the federation again' : 'the stream does not begin with federationCreated',
    );
  switch (event.type) {
    case 'federationCreated':
      return { ...state, federationId: event.federationId, coordinatorKey: event.coordinatorKey };
    case 'inviteCreated': {
      const { role, organisationId, expiresAt } = event;
      const invites = new Map(state.invites);
      invites.set(event.tokenSha256, { role, organisationId, expiresAt, spentBy: null });
      return { ...state, invites };
    }
    case 'memberEnrolled': {
      const { nodeId, name, role, organisationId } = event;
      const publicKey = hexBytes(event.publicKey);
      const members = new Map(state.members);
      members.set(nodeId, {
        nodeId,
        publicKey,
        name,
        role,
        organisationId,
        enrolledAt: at,
        capabilities: null,
      });
      const invites = new Map(state.invites);
      const invite = event.tokenSha256 === null ? undefined : invites.get(event.tokenSha256);
      if (event.tokenSha256 !== null) {
        if (!invite) throw new Error('it names an invite that was never made');
        if (invite.spentBy !== null) throw new Error('it names an invite that was spent before');
        invites.set(event.tokenSha256, { ...invite, spentBy: nodeId });
      }
      return { ...state, members, invites };
    }
    case 'capabilitiesReported': {
      const member = state.members.get(event.nodeId);
      if (!member) throw new Error('it names no member');
      const members = new Map(state.members);
      members.set(event.nodeId, { ...member, capabilities: event.capabilities });
      return { ...state, members };
    }
    default:
      event satisfies never;
      throw new Error('unreachable');
  }
}

async function hashToken(token: string): Promise<string> {
  return toHex(await primitives.sha256(utf8(token)));
}
