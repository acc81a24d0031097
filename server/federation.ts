/**
 * The members of a federation, the invites that make them, and the directory that lists them. SPEC.md section 4.
 *
 * What follows from a request is decided in `enrolment.ts` and `membership.ts`; here it is written, and with every
 * change of the directory its next version, in one append.
 */
import { primitives } from '#primitives';
import { admit } from '../protocol/admission.ts';
import { hexBytes, toBase64Url, toHex, utf8 } from '../protocol/bytes.ts';
import { canonicalJson } from '../protocol/canonical.ts';
import type { Clock } from '../protocol/clock.ts';
import { forkOf } from '../protocol/dp/ledger-comparison.ts';
import { nodeIdOf } from '../protocol/identity.ts';
import type { Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { type RandomSource, randomBytes } from '../protocol/random.ts';
import type { DataSetChange } from '../schemas/data-set-change.ts';
import type { DirectoryAnswer } from '../schemas/directory.ts';
import { FederationEvent } from '../schemas/federation-event.ts';
import type { JobId, NodeId, Sha256 } from '../schemas/ids.ts';
import type {
  Capabilities,
  Enrolment,
  EnrolmentRequest,
  Invite,
  InviteRequest,
  SuccessionReceipt,
  SuccessionRequest,
} from '../schemas/member.ts';
import type { PersonId } from '../schemas/person.ts';
import type { PersonEvent } from '../schemas/person-event.ts';
import { Allowance } from './allowance.ts';
import { answerDirectory, checkIssued, issueDirectory } from './directory.ts';
import { decideApproval, decideEnrolment, decideRefusal } from './enrolment.ts';
import { EventStream } from './event-stream.ts';
import {
  changeKey,
  changesDirectory,
  type FederationState,
  foldFederation,
  type KnownMember,
  type KnownOrganisation,
  type KnownRequest,
  NO_FEDERATION,
} from './federation-state.ts';
import {
  decideOrganisationRevocation,
  decideRevocation,
  decideSuccession,
  firstKeyOf,
  OPERATOR_ORGANISATION,
  requireValid,
} from './membership.ts';
import type { KnownPerson, PeopleState } from './people/people-state.ts';
import { requirePerson } from './people/person-decisions.ts';
import { type KnownUse, requireToken } from './people/token-decisions.ts';
import type { Store } from './store/store.ts';

export const FEDERATION_STREAM = 'federation';

/** Changes of its capabilities that a node may report: twenty at once, then one in a quarter of an hour. */
const CHANGES = { most: 20, everyMs: 900_000 };

/** Keys that a node may have one after the other, all of which stay in the directory: five at once, then four a day. */
const SUCCESSIONS = { most: 5, everyMs: 21_600_000 };

interface Platform {
  readonly clock: Clock;
  readonly random: RandomSource;
}

export class Federation {
  readonly #stream: EventStream<FederationState, FederationEvent>;
  readonly #coordinator: Signer;
  readonly #clock: Clock;
  readonly #random: RandomSource;
  readonly #changes: Allowance;
  readonly #successions: Allowance;

  private constructor(
    stream: EventStream<FederationState, FederationEvent>,
    coordinator: Signer,
    { clock, random }: Platform,
  ) {
    this.#stream = stream;
    this.#coordinator = coordinator;
    this.#clock = clock;
    this.#random = random;
    this.#changes = new Allowance(clock, CHANGES);
    this.#successions = new Allowance(clock, SUCCESSIONS);
  }

  /**
   * Opens the federation of this store, or founds it, with its operator as first member.
   *
   * A new key of the operator becomes a member too. Why: whoever starts the coordinator holds all of its data already,
   * and a start that failed after the federation was founded may have lost the first key.
   *
   * @param keys the coordinator's own, and the operator's Ed25519 public key; a store that belongs to another
   *   coordinator is `storageCorrupt`
   * @param expectedId of the federation that must be in the store, where there has been one; a store that is empty, or
   *   holds another, is then `storageCorrupt`
   */
  static async open(
    store: Store,
    keys: { readonly coordinator: Signer; readonly operator: Uint8Array },
    platform: Platform,
    expectedId?: string,
  ): Promise<Federation> {
    const stream = await EventStream.open<FederationState, FederationEvent>(store, platform.clock, {
      name: FEDERATION_STREAM,
      schema: FederationEvent,
      initial: NO_FEDERATION,
      fold: foldFederation,
    });
    const { federationId } = stream.state;
    if (expectedId !== undefined && federationId !== expectedId) {
      const held = federationId === null ? 'no federation' : federationId;
      throw new HanseError('storageCorrupt', {
        path: FEDERATION_STREAM,
        reason: `the records hold ${held}, the keys belong to ${expectedId}`,
      });
    }
    const federation = new Federation(stream, keys.coordinator, platform);
    await federation.#found(keys.operator);
    await checkIssued(stream.state, FEDERATION_STREAM);
    return federation;
  }

  get id(): string {
    return this.#stream.state.federationId ?? '';
  }

  /** One that is revoked, or whose key was replaced, is among the members: `requireValid` tells. */
  member(nodeId: NodeId): KnownMember | undefined {
    return this.#stream.state.members.get(nodeId);
  }

  members(): Iterable<KnownMember> {
    return this.#stream.state.members.values();
  }

  /** Calls back after every event; returns how to stop that. */
  watch(changed: () => void): () => void {
    return this.#stream.watch(changed);
  }

  /** Enrolments that wait for the operator. */
  waiting(): KnownRequest[] {
    return [...this.#stream.state.requests.values()].filter(({ isRefused }) => !isRefused);
  }

  /** Of a member, and of who waits to become one. */
  organisationOf(nodeId: NodeId): string | undefined {
    const { members, requests } = this.#stream.state;
    return (members.get(nodeId) ?? requests.get(nodeId))?.organisationId;
  }

  /** One that is revoked is among them. */
  organisation(organisationId: string): KnownOrganisation | undefined {
    return this.#stream.state.organisations.get(organisationId);
  }

  /** The id that a node had before it changed its key for the first time: the same for all of its keys. */
  firstKeyOf(nodeId: NodeId): NodeId {
    return firstKeyOf(this.#stream.state.members, nodeId);
  }

  hasOrganisation(organisationId: string): boolean {
    return this.#stream.state.organisations.has(organisationId);
  }

  /** Number of the last version of the directory. */
  get directoryVersion(): number {
    return this.#stream.state.directory.length;
  }

  /** @param after the version that the caller knows; 0 if none */
  directory(after: number): DirectoryAnswer {
    return answerDirectory(this.#stream.state, after);
  }

  get people(): PeopleState {
    return this.#stream.state.people;
  }

  /** Throws `personUnknown`, `memberRevoked`. */
  requirePerson(personId: PersonId): KnownPerson {
    return requirePerson(this.#stream.state, personId);
  }

  /** Whether there is such a person, and neither it nor its organisation is revoked. */
  hasPerson(personId: PersonId): boolean {
    const { people, organisations } = this.#stream.state;
    const person = people.people.get(personId);
    if (!person || person.revokedAt !== null) return false;
    return (organisations.get(person.organisationId)?.revokedAt ?? null) === null;
  }

  /** Throws a problem of `requireToken`. */
  requireToken(tokenSha256: Sha256): KnownUse {
    return requireToken(this.#stream.state, tokenSha256, this.#now());
  }

  /** Makes true what `decide` returns. */
  async changePeople(
    decide: (state: FederationState, at: string) => readonly PersonEvent[],
  ): Promise<PeopleState> {
    return (await this.#stream.command(decide)).people;
  }

  /** Throws `memberUnknown`, `memberRevoked`, `keyRetired`: asked again before anything is accepted of a member. */
  requireValid(nodeId: NodeId): KnownMember {
    const member = this.member(nodeId);
    if (!member) throw new HanseError('memberUnknown');
    requireValid(member, this.#now());
    return member;
  }

  /** The token is in the answer and nowhere else. */
  async invite(request: InviteRequest, by: NodeId): Promise<Invite> {
    const token = toBase64Url(randomBytes(this.#random, 32));
    const tokenSha256 = await hashToken(token);
    const expiresAt = new Date(this.#clock.now() + request.lifetimeSeconds * 1000).toISOString();
    const { role, organisationId, needsApproval = false } = request;
    await this.#stream.command(() => [
      { type: 'inviteCreated', tokenSha256, role, organisationId, expiresAt, needsApproval, by },
    ]);
    return { token, role, organisationId, expiresAt };
  }

  /** Throws `inviteUnknown` for a token that no invite of this federation has ever had. */
  async requireInvite(token: string): Promise<void> {
    const tokenSha256 = await hashToken(token);
    if (!this.#stream.state.invites.has(tokenSha256)) throw new HanseError('inviteUnknown');
  }

  /**
   * @param request attacker-controlled, but signed with the key it names
   * @throws a problem of `decideEnrolment`; `approvalPending` or `enrolmentRefused` where the operator decides. The same
   *   node with the same invite is told again what it is, so that an answer lost on the way does no harm
   */
  async enrol(request: EnrolmentRequest): Promise<Enrolment> {
    const tokenSha256 = await hashToken(request.token);
    const nodeId = await nodeIdOf(hexBytes(request.publicKey));
    const { members, requests } = await this.#change((state, at) =>
      decideEnrolment(state, request, tokenSha256, at),
    );
    const member = members.get(nodeId);
    if (!member)
      throw new HanseError(requests.get(nodeId)?.isRefused ? 'enrolmentRefused' : 'approvalPending');
    requireValid(member, this.#now());
    return { federationId: this.id, nodeId, organisationId: member.organisationId, role: member.role };
  }

  /** Throws `nodeUnknown`, `organisationKeyMismatch`, `memberRevoked`. */
  async approve(nodeId: NodeId, by: NodeId): Promise<void> {
    await this.#change((state) => decideApproval(state, nodeId, by));
  }

  /** Throws `nodeUnknown`. */
  async refuse(nodeId: NodeId, by: NodeId): Promise<void> {
    await this.#change((state) => decideRefusal(state, nodeId, by));
  }

  /** Throws `nodeUnknown`. */
  async revoke(nodeId: NodeId, reason: string, by: NodeId): Promise<void> {
    await this.#change((state) => decideRevocation(state, nodeId, reason, by));
  }

  /** Throws `nodeUnknown`. */
  async revokeOrganisation(organisationId: string, reason: string, by: NodeId): Promise<void> {
    await this.#change((state) => decideOrganisationRevocation(state, organisationId, reason, by));
  }

  /** Another key takes the place of this member's. Throws a problem of `decideSuccession`; `overloaded` after many. */
  async succeed(member: KnownMember, request: SuccessionRequest): Promise<SuccessionReceipt> {
    const nodeId = await nodeIdOf(hexBytes(request.publicKey));
    const { members } = await this.#change(async (state, at) => {
      const events = await decideSuccession(state, member, request, at);
      const first = this.firstKeyOf(member.nodeId);
      if (events.length > 0 && !this.#successions.take(first)) throw new HanseError('overloaded');
      return events;
    });
    const oldKeyValidUntil = members.get(member.nodeId)?.entry.validUntil;
    if (!oldKeyValidUntil) throw new Error('unreachable: the key was just replaced');
    return { nodeId, oldKeyValidUntil };
  }

  /**
   * What is known already is not written again, and what changes again and again not for ever. A node that begins anew
   * has measured nothing yet: what it measured before stays known, or starting it again would be a change each time.
   * @param accepted updates of this node, by jobs that promise privacy and have not ended
   * @throws `overloaded` after more changes than a node that is set up anew ever makes; `ledgerForked`
   */
  async reportCapabilities(
    nodeId: NodeId,
    capabilities: Capabilities,
    accepted: ReadonlyMap<JobId, number> = new Map(),
  ): Promise<void> {
    await this.#stream.command(({ members }) => {
      const { capabilities: known, ledger = null } = members.get(nodeId) ?? {};
      const reason = capabilities.ledger && forkOf(capabilities.ledger, ledger, accepted);
      if (reason !== undefined) throw new HanseError('ledgerForked', { node: nodeId, reason });
      const asKnown = { ...(known?.steps && { steps: known.steps }), ...capabilities };
      if (known && canonicalJson(asKnown) === canonicalJson(known)) return [];
      if (!this.#changes.take(nodeId)) throw new HanseError('overloaded');
      return [{ type: 'capabilitiesReported', nodeId, capabilities }];
    });
  }

  /** Once for each version that is given up: a repetition, as of a request whose answer was lost, changes nothing. */
  async changeDataSet({ nodeId, organisationId }: KnownMember, change: DataSetChange): Promise<void> {
    await this.#stream.command(({ members }) => {
      if (members.get(nodeId)?.changes.has(changeKey(change))) return [];
      if (!this.#changes.take(nodeId)) throw new HanseError('overloaded');
      return [{ type: 'dataSetChanged', nodeId, organisationId, ...change }];
    });
  }

  /** Makes true what `decide` returns, and issues the version of the directory that it needs. */
  #change(
    decide: (state: FederationState, at: string) => FederationEvent[] | Promise<FederationEvent[]>,
  ): Promise<FederationState> {
    return this.#stream.command(async (state, at) => {
      const events = await decide(state, at);
      if (!events.some(changesDirectory)) return events;
      const after = events.reduce((before, event) => foldFederation(before, event, at), state);
      return [...events, await issueDirectory(after, at, this.#coordinator)];
    });
  }

  async #found(operatorKey: Uint8Array): Promise<void> {
    const coordinatorKey = toHex(this.#coordinator.publicKey);
    const nodeId = await nodeIdOf(operatorKey);
    const publicKey = toHex(operatorKey);
    await this.#change(async (state) => {
      if (state.coordinatorKey !== null && state.coordinatorKey !== coordinatorKey)
        throw new HanseError('storageCorrupt', {
          path: FEDERATION_STREAM,
          reason: 'the records belong to a coordinator with another key',
        });
      if (state.members.has(nodeId)) return [];
      const federationId = state.federationId ?? `fed-${toHex(randomBytes(this.#random, 8))}`;
      const node = { organisationId: OPERATOR_ORGANISATION, publicKey, role: 'operator' } as const;
      const { organisationKey, signature } = await admit(
        node,
        { federationId, coordinatorKey },
        this.#coordinator,
      );
      const enrolled: FederationEvent = {
        type: 'memberEnrolled',
        nodeId,
        name: 'operator',
        ...node,
        organisationKey,
        signature,
        tokenSha256: null,
      };
      if (state.federationId !== null) return [enrolled];
      return [{ type: 'federationCreated', federationId, coordinatorKey }, enrolled];
    });
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}

async function hashToken(token: string): Promise<string> {
  return toHex(await primitives.sha256(utf8(token)));
}
