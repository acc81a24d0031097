/**
 * One attempt at a secure round, as a participant goes through it. SPEC.md 11.7, 11.9; Bonawitz et al., CCS 2017; Bell et
 * al., CCS 2020.
 *
 *   keys (M1) -> roster (M2) -> shares (M3) -> delivery (M4)   while the node trains
 *   masks -> update (M5) -> survivors (M6) -> consent (M7) -> certificate (M8) -> answer (M9)
 *
 * Each message that is sent is answered with the one that follows upon it, if that is known in time; else it is asked for.
 * The order of the calls is the order of the protocol: nothing of the coordinator's is looked at before it is due, nothing
 * twice, and whatever contradicts what came before ends the attempt for this node with the code that says why. Keys, shares
 * and seeds are in memory alone: a node that is started anew drops out of the attempt, except that an answer which it had
 * already given away is sent again.
 */

import { concatBytes, fromBase64, toHex } from '../protocol/bytes.ts';
import { pause } from '../protocol/clock.ts';
import { HanseError, isProblem } from '../protocol/problem.ts';
import { unpack } from '../protocol/ring/bit-pack.ts';
import { layoutOf } from '../protocol/ring/payload.ts';
import { packIntegers } from '../protocol/ring/update.ts';
import { attemptParams } from '../protocol/routes.ts';
import { type AttemptKeys, advertise, wipeKeys } from '../protocol/secagg/advertisement.ts';
import { checkCertificate, consentTo } from '../protocol/secagg/consent.ts';
import { type Delivered, openDelivery } from '../protocol/secagg/delivery.ts';
import { checkDescriptor } from '../protocol/secagg/descriptor.ts';
import { addMasks } from '../protocol/secagg/mask.ts';
import { masksOf, signUpload } from '../protocol/secagg/masked-upload.ts';
import { type AgreedRoster, checkRoster, type Party } from '../protocol/secagg/roster.ts';
import { type HeldShares, shareSecrets, wipeShares } from '../protocol/secagg/shares.ts';
import { suiteOf } from '../protocol/secagg/suite.ts';
import { checkSurvivors } from '../protocol/secagg/survivors.ts';
import { answerFor } from '../protocol/secagg/unmasking.ts';
import { HEADER_BYTES } from '../protocol/vector.ts';
import type { JobManifest } from '../schemas/job.ts';
import type { SignedDescriptor } from '../schemas/secagg.ts';
import type { SharesAnswer } from '../schemas/secure-answer.ts';
import type { Receipt, TrainTask } from '../schemas/task.ts';
import type { CoordinatorApi } from './coordinator-api.ts';
import type { SecureParty } from './secure-party.ts';

/** A task of a secure job. */
export interface SecureTask extends TrainTask {
  readonly secure: SignedDescriptor;
}

/** How long the coordinator may hold a request until it has the message that is asked for, or that follows upon what is sent. */
const query = { wait: '20' } as const;

/** A coordinator that does not hold a request is asked no more often than this. */
const PAUSE_MS = 250;

/** What this node has agreed on with the others before it has trained. */
interface Agreed {
  readonly roster: AgreedRoster;
  readonly own: number;
  readonly delivered: Delivered;
}

/** How the attempt ended for this node. */
export interface SecureOutcome {
  readonly receipt: Receipt;
  /** Updates in the sum; undefined where the attempt went on without this node after its update had arrived. */
  readonly survivors?: number;
}

export class SecureAttempt {
  readonly #task: SecureTask;
  readonly #manifest: JobManifest;
  readonly #party: SecureParty;
  readonly #api: CoordinatorApi;
  readonly #round: Uint8Array;
  readonly #keys: AttemptKeys;
  /** Shares of its own secrets and of others'. */
  readonly #held = new Set<HeldShares>();
  #isWiped = false;

  private constructor(
    task: SecureTask,
    manifest: JobManifest,
    party: SecureParty,
    api: CoordinatorApi,
    round: Uint8Array,
    keys: AttemptKeys,
  ) {
    this.#task = task;
    this.#manifest = manifest;
    this.#party = party;
    this.#api = api;
    this.#round = round;
    this.#keys = keys;
  }

  /**
   * Checks what the round is to be, writes down that this node takes part in it, and makes its keys.
   * @param clipNorm C of the round, as this node has computed it, where clipping is adaptive
   * @throws `descriptorInvalid`, `suiteRefused`, `thresholdTooLow`, `attemptSpent`, `roundAlreadyOpened`
   */
  static async begin(
    task: SecureTask,
    { manifest, clipNorm }: { readonly manifest: JobManifest; readonly clipNorm?: number | undefined },
    party: SecureParty,
    api: CoordinatorApi,
  ): Promise<SecureAttempt> {
    const { primitives, identity, nodeId, random, federationId, coordinatorKey, suites } = party;
    const { jobId, manifestSha256, round, attempt, model } = task;
    const names = { federationId, coordinatorKey, jobId, manifest, manifestSha256 };
    const terms = { ...names, round, attempt, model, clipNorm };
    const limits = { suites, allowsSparse: party.allowsSparse ?? false };
    const id = await checkDescriptor(primitives, task.secure, terms, limits);
    await party.journal.begin(task);
    const keys = await advertise(primitives, id, identity, nodeId, random);
    return new SecureAttempt(task, manifest, party, api, id, keys);
  }

  /**
   * M1 to M4: sends its keys, and exchanges shares with the others.
   * @throws what `checkRoster` and `openDelivery` throw, and the transport; `coordinatorMisbehaved`
   */
  async agree(signal: AbortSignal): Promise<Agreed> {
    const { primitives, random } = this.#party;
    const { descriptor } = this.#task.secure;
    const params = attemptParams(this.#task);
    const mine = this.#keys.advertisement;
    const { roster: soon } = await this.#api.call('advertiseKeys', { params, query, body: mine }, { signal });
    const told =
      soon ??
      (await this.#untilKnown(signal, async () => {
        return (await this.#api.call('getRoster', { params, query }, { signal })).roster;
      }));
    const roster = await checkRoster(primitives, descriptor, this.#round, told, mine, this.#party.pinned());
    const own = roster.parties.findIndex(({ nodeId }) => nodeId === mine.nodeId);
    const { bytes, chosen, kept } = await shareSecrets(primitives, roster, own, this.#keys, random);
    if (kept) this.#keep([kept]);
    const answer = await this.#api.call('putShares', { params, query, body: bytes }, { signal });
    const delivery =
      deliveryIn(answer) ??
      (await this.#untilKnown(signal, async () => {
        const got = await this.#api.call('getDelivery', { params, query }, { signal });
        return got.length > 0 ? got : null;
      }));
    const sharing = { own, chosen, channel: this.#keys.channel, ...(kept && { kept }) };
    const delivered = await openDelivery(primitives, roster, sharing, delivery);
    this.#keep(delivered.held.values());
    return { roster, own, delivered };
  }

  /**
   * Adds all masks of this node to its update, in place.
   * @param update with its header
   * @param scratch [d] of any content; holds the masked coordinates afterwards
   * @throws keyLowOrder
   */
  async mask(
    { roster, own, delivered }: Agreed,
    update: Uint8Array<ArrayBuffer>,
    scratch: Int32Array,
  ): Promise<void> {
    const { primitives } = this.#party;
    const { codec, parameters } = this.#manifest;
    const { coordinateBytes } = layoutOf(codec, parameters);
    const words = new Uint32Array(update.buffer, update.byteOffset + HEADER_BYTES);
    unpack(words.subarray(0, coordinateBytes / 4), codec.width, scratch);
    const integers = { coordinates: scratch, secondBlock: words.slice(coordinateBytes / 4) };
    const { keyStream } = suiteOf(this.#task.secure.descriptor.suite);
    const masks = await masksOf(primitives, roster, own, this.#keys, delivered);
    try {
      await addMasks(integers, masks, { primitives, keyStream, layout: layoutOf(codec, parameters) });
    } finally {
      for (const { seed } of masks) seed.fill(0);
    }
    packIntegers(integers, codec, words);
  }

  /**
   * M5 to M9: sends the update, and helps to open a sum that has it.
   * @param update masked, with its header
   * @throws what `checkSurvivors` and `checkCertificate` throw, `policyRefused`, `messageConflict`, and the transport
   */
  async deliver(
    { roster, own, delivered }: Agreed,
    update: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<SecureOutcome> {
    const { primitives, identity, journal } = this.#party;
    const params = attemptParams(this.#task);
    const bodySha256 = await primitives.sha256(update);
    const sha256 = toHex(bodySha256);
    const signature = await signUpload(identity, delivered.context, roster.parties[own] as Party, sha256);
    const upload = { params: { ...params, signature }, query, body: update };
    const known = { signal, bodySha256 };
    const { survivors: soon, ...receipt } = await this.#api.call('putMaskedUpdate', upload, known);
    try {
      const told =
        soon ??
        (await this.#untilKnown(signal, async () => {
          return (await this.#api.call('getSurvivors', { params, query }, { signal })).survivors;
        }));
      const survivors = await checkSurvivors(primitives, roster, delivered, { own, sha256 }, told);
      const nodeIds = survivors.members.map((index) => (roster.parties[index] as Party).nodeId);
      this.#party.admitSurvivors?.(nodeIds);
      const consent = { signature: await consentTo(identity, delivered.context, survivors) };
      const { certificate: soonest } = await this.#api.call(
        'putConsent',
        { params, query, body: consent },
        { signal },
      );
      const certificate =
        soonest ??
        (await this.#untilKnown(signal, async () => {
          return (await this.#api.call('getCertificate', { params, query }, { signal })).certificate;
        }));
      await checkCertificate(primitives, roster, delivered, own, survivors, certificate);
      const answer = answerFor(delivered, survivors);
      const belongsTo = await primitives.sha256(
        concatBytes(delivered.context, survivors.bits, survivors.root),
      );
      try {
        await journal.answer(this.#task, belongsTo, answer);
        await this.#api.call('putAnswer', { params, body: answer }, { signal });
      } finally {
        answer.fill(0);
      }
      await journal.end(this.#task);
      return { receipt, survivors: survivors.members.length };
    } catch (error) {
      // Others were enough: the update of this node counts all the same, or the attempt has ended without a result.
      if (!isTooLate(error)) throw error;
      await journal.end(this.#task);
      return { receipt };
    }
  }

  /** Asks until there is an answer; each request waits by itself. Rejects when the signal aborts in a pause. */
  async #untilKnown<Value>(signal: AbortSignal, ask: () => Promise<Value | null>): Promise<Value> {
    for (;;) {
      const answer = await ask();
      if (answer !== null) return answer;
      await pause(this.#party.clock, PAUSE_MS, signal);
      signal.throwIfAborted();
    }
  }

  /** Overwrites keys, seeds and shares. */
  wipe(): void {
    if (this.#isWiped) return;
    this.#isWiped = true;
    wipeKeys(this.#keys);
    wipeShares(this.#held);
  }

  /** Until the attempt is wiped; at once, if it has been. */
  #keep(shares: Iterable<HeldShares>): void {
    for (const share of shares) this.#held.add(share);
    if (this.#isWiped) wipeShares(this.#held);
  }
}

/**
 * Sends again what was to be sent when this node ended: byte for byte, and nothing else. It is kept no longer than somebody
 * waits for it.
 * @returns whether there was something: the node has then nothing more to do in this attempt
 * @throws what the transport throws
 */
export async function answerAgain(
  task: TrainTask,
  { journal }: Pick<SecureParty, 'journal'>,
  api: CoordinatorApi,
  signal: AbortSignal,
): Promise<boolean> {
  const body = await journal.unsent(task);
  if (!body) return false;
  try {
    await api.call('putAnswer', { params: attemptParams(task), body }, { signal });
  } catch (error) {
    if (isTooLate(error)) await journal.end(task);
    throw error;
  }
  await journal.end(task);
  return true;
}

function isTooLate(error: unknown): boolean {
  return isProblem(error, 'messageLate') || isProblem(error, 'jobEnded');
}

/** M4 in the answer to M3. Throws `coordinatorMisbehaved` for what is no base64. */
function deliveryIn({ delivery }: SharesAnswer): Uint8Array | undefined {
  if (delivery === undefined) return undefined;
  const bytes = fromBase64(delivery);
  if (!bytes) throw new HanseError('coordinatorMisbehaved', { what: 'a delivery that is no base64' });
  return bytes;
}
