/**
 * What the coordinator derives of a secure attempt: its roster, what each was delivered, who survived. SPEC.md 11.7.
 *
 * A cache and no more: all of it follows from the events of the attempt and from stored messages, is made when it is first
 * asked for, and made again after a restart. What a phase has collected is looked at only once that phase is over.
 */
import type { Primitives, Signer } from '../protocol/primitives.ts';
import { HanseError } from '../protocol/problem.ts';
import { deliveryFor } from '../protocol/secagg/delivery.ts';
import { maskContext } from '../protocol/secagg/derivation.ts';
import { roundId } from '../protocol/secagg/descriptor.ts';
import { encodeSet } from '../protocol/secagg/members.ts';
import {
  type AgreedRoster,
  agreeOn,
  type Party,
  signRoster,
  sortMembers,
} from '../protocol/secagg/roster.ts';
import type { SecureJob } from '../protocol/secagg/secure-phases.ts';
import { parseBundle, type ShareBundle } from '../protocol/secagg/shares.ts';
import { describeSurvivors, type SurvivorSet } from '../protocol/secagg/survivors.ts';
import { type Opened, openSecrets, type Unmasking } from '../protocol/secagg/unmasking.ts';
import type { NodeId, Sha256 } from '../schemas/ids.ts';
import type { Roster, Survivors } from '../schemas/secagg.ts';
import { sharedAnswer } from './shared-answer.ts';
import type { BlobStore } from './store/blob-store.ts';

/** U2, once sharing is over. */
export interface DeliveredShares {
  /** By index. */
  readonly bundles: ReadonlyMap<number, ShareBundle>;
  readonly bits: Uint8Array;
  /** ctx2. */
  readonly context: Uint8Array;
}

export type ToldSurvivors = SurvivorSet & { readonly told: ReadonlyMap<number, Survivors> };

export class SecureAttemptView {
  /** With which all of it is made and checked. */
  readonly primitives: Primitives;
  readonly #blobs: BlobStore;
  readonly #signer: Signer;
  readonly #round = new Remembered<Uint8Array>();
  readonly #roster = new Remembered<AgreedRoster>();
  readonly #parties = new Remembered<ReadonlyMap<NodeId, Party>>();
  readonly #signedRoster = new Remembered<{ readonly roster: Roster }>();
  readonly #delivered = new Remembered<DeliveredShares>();
  readonly #survivors = new Remembered<ToldSurvivors>();
  #opened: { readonly answers: readonly NodeId[]; readonly secrets: Opened } | undefined;

  /** @param signer of the coordinator */
  constructor(blobs: BlobStore, signer: Signer, primitives: Primitives) {
    this.primitives = primitives;
    this.#blobs = blobs;
    this.#signer = signer;
  }

  /** Id of the round. */
  round({ secure }: SecureJob): Promise<Uint8Array> {
    return this.#round.get(() => roundId(this.primitives, secure.signed.descriptor));
  }

  /** Once advertising is over. */
  roster(job: SecureJob): Promise<AgreedRoster> {
    return this.#roster.get(async () => {
      const { descriptor } = job.secure.signed;
      const members = sortMembers(job.secure.advertisements.values());
      return agreeOn(this.primitives, descriptor, await this.round(job), members);
    });
  }

  /** M2, as all are answered with it. */
  signedRoster(job: SecureJob): Promise<{ readonly roster: Roster }> {
    return this.#signedRoster.get(async () => {
      const { parties, round } = await this.roster(job);
      const members = parties.map(({ advertisement }) => advertisement);
      return sharedAnswer({ roster: await signRoster(this.primitives, round, members, this.#signer) });
    });
  }

  /** One of the roster. Throws `messageLate` where its keys have not come in time. */
  async party(job: SecureJob, node: NodeId): Promise<Party> {
    const parties = await this.#parties.get(
      async () => new Map((await this.roster(job)).parties.map((party) => [party.nodeId, party])),
    );
    const party = parties.get(node);
    if (!party) throw new HanseError('messageLate', { phase: 'advertising' });
    return party;
  }

  /** Once sharing is over. Throws what the blob store throws. */
  delivered(job: SecureJob): Promise<DeliveredShares> {
    return this.#delivered.get(async () => {
      const roster = await this.roster(job);
      const bundles = new Map<number, ShareBundle>();
      for (const { index, nodeId } of roster.parties) {
        const stored = job.secure.shares.get(nodeId);
        if (stored) bundles.set(index, parseBundle(await this.#blobs.read(stored.sha256), roster, index));
      }
      const bits = encodeSet(bundles.keys(), roster.parties.length);
      return { bundles, bits, context: await maskContext(this.primitives, roster.context, bits) };
    });
  }

  /** M4, for one of U2. */
  async delivery(job: SecureJob, node: NodeId): Promise<Uint8Array> {
    const { index } = await this.party(job, node);
    return deliveryFor(await this.roster(job), (await this.delivered(job)).bundles, index);
  }

  /** M6, once collecting is over. */
  survivors(job: SecureJob): Promise<ToldSurvivors> {
    return this.#survivors.get(async () => {
      const roster = await this.roster(job);
      const updates = new Map<number, Sha256>();
      for (const { index, nodeId } of roster.parties) {
        const update = job.accepted.get(nodeId);
        if (update) updates.set(index, update.sha256);
      }
      return describeSurvivors(this.primitives, roster, updates);
    });
  }

  /** Once collecting is over. */
  async unmasking(job: SecureJob): Promise<Unmasking> {
    const { bundles } = await this.delivered(job);
    return { roster: await this.roster(job), bundles, survivors: (await this.survivors(job)).members };
  }

  /**
   * The secrets that follow from the answers of these nodes; the caller's to wipe.
   * @throws `unmaskingFailed`, or what the blob store throws
   */
  async open(job: SecureJob, nodes: readonly NodeId[]): Promise<Opened> {
    const known = this.#opened;
    if (known && sameNodes(known.answers, nodes)) return copied(known.secrets);
    const unmasking = await this.unmasking(job);
    const answers = new Map<number, Uint8Array>();
    for (const node of nodes) {
      const stored = job.secure.answers.get(node);
      if (stored) answers.set((await this.party(job, node)).index, await this.#blobs.read(stored.sha256));
    }
    const secrets = await openSecrets(this.primitives, unmasking, answers);
    this.#opened = { answers: [...nodes], secrets };
    return copied(secrets);
  }

  /** Overwrites the secrets that are kept here; whoever asks again has them opened again. */
  wipe(): void {
    for (const secret of this.#opened?.secrets.revealed ?? []) secret.fill(0);
    this.#opened = undefined;
  }
}

function copied({ revealed, faulty }: Opened): Opened {
  return { revealed: revealed.map((secret) => secret.slice()), faulty };
}

/** Made at the first wish; after a failure at the next one again. */
class Remembered<Value> {
  #value: Promise<Value> | undefined;

  get(make: () => Promise<Value>): Promise<Value> {
    if (this.#value) return this.#value;
    const value = make();
    this.#value = value;
    value.catch(() => {
      this.#value = undefined;
    });
    return value;
  }
}

function sameNodes(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node, i) => node === b[i]);
}
