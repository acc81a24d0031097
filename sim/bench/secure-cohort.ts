/**
 * A secure attempt of many participants in one process, by the functions of `protocol/secagg/`, such that what one
 * participant does and what the coordinator does can be measured apart: signatures, hashes, consents and Merkle work
 * included, training and the network not.
 */
import { primitives } from '#primitives';
import { toHex } from '../../protocol/bytes.ts';
import { nodeIdOf } from '../../protocol/identity.ts';
import type { Signer } from '../../protocol/primitives.ts';
import { layoutOf } from '../../protocol/ring/payload.ts';
import { openIntegers, RingSum } from '../../protocol/ring/sum.ts';
import { packIntegers, updateIntegers } from '../../protocol/ring/update.ts';
import { type AttemptKeys, advertise, checkAdvertisement } from '../../protocol/secagg/advertisement.ts';
import { checkCertificate, consentTo, isConsent } from '../../protocol/secagg/consent.ts';
import { type Delivered, deliveryFor, openDelivery } from '../../protocol/secagg/delivery.ts';
import {
  checkDescriptor,
  describeRound,
  type RoundTerms,
  signDescriptor,
} from '../../protocol/secagg/descriptor.ts';
import { addMasks } from '../../protocol/secagg/mask.ts';
import { isUploadSigned, masksOf, signUpload } from '../../protocol/secagg/masked-upload.ts';
import {
  type AgreedRoster,
  agreeOn,
  checkRoster,
  type Party,
  signRoster,
  sortMembers,
} from '../../protocol/secagg/roster.ts';
import { parseBundle, type ShareBundle, shareSecrets } from '../../protocol/secagg/shares.ts';
import { checkSurvivors, describeSurvivors, type SurvivorSet } from '../../protocol/secagg/survivors.ts';
import { answerFor, masksLeft, openSecrets } from '../../protocol/secagg/unmasking.ts';
import { HEADER_BYTES } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { Roster, SignedDescriptor, Survivors } from '../../schemas/secagg.ts';

export interface CohortPlan {
  readonly manifest: JobManifest;
  /** Of them so many drop out between shares and update. */
  readonly dropped: number;
}

interface Upload {
  readonly payload: Uint8Array;
  readonly sha256: string;
  readonly signature: string;
}

const DEADLINE = '2026-01-01T00:00:00.000Z';
const KEY_STREAM = 'aes-256-ctr';

export class SecureCohort {
  readonly #plan: CohortPlan;
  readonly #delta: Float32Array;
  #coordinator!: Signer;
  #terms!: RoundTerms;
  #descriptor!: SignedDescriptor;
  #round!: Uint8Array;
  #roster!: AgreedRoster;
  #told!: Roster;
  readonly #identities = new Map<string, Signer>();
  readonly #keys: AttemptKeys[] = [];
  readonly #sent: Uint8Array[] = [];
  readonly #bundles = new Map<number, ShareBundle>();
  readonly #uploads = new Map<number, Upload>();
  #survivors!: SurvivorSet & { readonly told: ReadonlyMap<number, Survivors> };
  #consents!: { readonly nodeId: string; readonly signature: string }[];
  readonly #answers = new Map<number, Uint8Array>();
  #context!: Uint8Array;

  constructor(plan: CohortPlan) {
    this.#plan = plan;
    const { parameters } = plan.manifest;
    this.#delta = Float32Array.from({ length: parameters }, (_, i) => Math.sin(i) / Math.sqrt(parameters));
  }

  /** Everything up to the answers of all. @param progress told about each tenth of the uploads */
  async prepare(progress: (line: string) => void): Promise<void> {
    const { manifest, dropped } = this.#plan;
    const { random } = primitives;
    this.#coordinator = await primitives.signer(new Uint8Array(32).fill(1));
    this.#terms = {
      federationId: manifest.federationId,
      coordinatorKey: toHex(this.#coordinator.publicKey),
      ...{ jobId: 'job-0123456789abcdef', manifest, manifestSha256: '1'.repeat(64) },
      ...{ round: 1, attempt: 1, model: '2'.repeat(64) },
    };
    const deadlines = {
      advertising: DEADLINE,
      sharing: DEADLINE,
      collecting: DEADLINE,
      consenting: DEADLINE,
      unmasking: DEADLINE,
    };
    const plain = describeRound(this.#terms, deadlines, '3'.repeat(64));
    this.#descriptor = await signDescriptor(plain, this.#coordinator);
    this.#round = await this.#checkedRound();
    const made: AttemptKeys[] = [];
    for (let i = 0; i < manifest.cohort.size; i += 1) {
      const seed = new Uint8Array(32);
      random.fill(seed);
      const identity = await primitives.signer(seed);
      const nodeId = await nodeIdOf(identity.publicKey);
      this.#identities.set(nodeId, identity);
      made.push(await advertise(primitives, this.#round, identity, nodeId, random));
    }
    const members = sortMembers(made.map(({ advertisement }) => advertisement));
    for (const { nodeId } of members)
      this.#keys.push(made.find(({ advertisement }) => advertisement.nodeId === nodeId) as AttemptKeys);
    this.#told = await signRoster(primitives, this.#round, members, this.#coordinator);
    this.#roster = await agreeOn(primitives, plain, this.#round, members);
    const shared = [];
    for (const [index, keys] of this.#keys.entries()) {
      const one = await shareSecrets(primitives, this.#roster, index, keys, random);
      shared.push(one);
      this.#sent.push(one.bytes);
      this.#bundles.set(index, parseBundle(one.bytes, this.#roster, index));
    }
    const delivered: Delivered[] = [];
    for (const [index, { chosen, kept }] of shared.entries()) {
      const { channel } = this.#keys[index] as AttemptKeys;
      const message = deliveryFor(this.#roster, this.#bundles, index);
      const sharing = { own: index, chosen, channel, ...(kept && { kept }) };
      delivered.push(await openDelivery(primitives, this.#roster, sharing, message));
    }
    this.#context = (delivered[0] as Delivered).context;
    for (let index = 0; index < manifest.cohort.size - dropped; index += 1) {
      if (index % 10 === 0) progress(`upload ${index + 1} of ${manifest.cohort.size - dropped}`);
      this.#uploads.set(index, await this.#upload(index, delivered[index] as Delivered));
    }
    const hashes = new Map([...this.#uploads].map(([index, { sha256 }]) => [index, sha256]));
    this.#survivors = await describeSurvivors(primitives, this.#roster, hashes);
    this.#consents = [];
    for (const index of this.#survivors.members) {
      const { nodeId } = this.#roster.parties[index] as Party;
      const signature = await consentTo(this.#identityOf(index), this.#context, this.#survivors);
      this.#consents.push({ nodeId, signature });
      this.#answers.set(index, answerFor(delivered[index] as Delivered, this.#survivors));
    }
  }

  /** Bytes that one participant sends: keys, shares, update, consent and answer. */
  uploadBytes(): number {
    const { advertisement } = this.#keys[0] as AttemptKeys;
    const [consent] = this.#consents;
    const upload = this.#uploads.get(0)?.payload.length ?? 0;
    const json = JSON.stringify(advertisement).length + JSON.stringify(consent?.signature).length;
    return json + (this.#sent[0]?.length ?? 0) + HEADER_BYTES + upload + (this.#answers.get(0)?.length ?? 0);
  }

  /** All that one survivor does. */
  async participant(): Promise<void> {
    const { random } = primitives;
    const own = 0;
    const identity = this.#identityOf(own);
    const { nodeId, id } = this.#roster.parties[own] as Party;
    const round = await this.#checkedRound();
    await advertise(primitives, round, identity, nodeId, random);
    const keys = this.#keys[own] as AttemptKeys; // those in the roster
    const pinned = new Map(
      this.#roster.parties.map((party) => [party.nodeId, party.advertisement.publicKey]),
    );
    const roster = await checkRoster(
      ...([primitives, this.#descriptor.descriptor, round, this.#told] as const),
      ...([keys.advertisement, (of: string) => pinned.get(of)] as const),
    );
    const { chosen, kept } = await shareSecrets(primitives, roster, own, keys, random);
    const message = deliveryFor(roster, this.#bundles, own);
    const sharing = { own, chosen, channel: keys.channel, ...(kept && { kept }) };
    const delivered = await openDelivery(primitives, roster, sharing, message);
    await this.#upload(own, delivered);
    const told = this.#survivors.told.get(own) as Survivors;
    const { sha256 } = this.#uploads.get(own) as Upload;
    const survivors = await checkSurvivors(primitives, roster, delivered, { own, sha256 }, told);
    await consentTo(identity, delivered.context, survivors);
    await checkCertificate(primitives, roster, delivered, own, survivors, { consents: this.#consents });
    answerFor(delivered, survivors);
    if (id.length !== 16) throw new Error('unreachable');
  }

  /** All that the coordinator does; throws unless the sum is that of the survivors. */
  async coordinator(): Promise<void> {
    const { manifest } = this.#plan;
    const { codec, parameters } = manifest;
    const { parties, descriptor } = this.#roster;
    for (const { advertisement } of parties) {
      const { nodeId, publicKey } = advertisement;
      await checkAdvertisement(primitives, this.#round, advertisement, { nodeId, publicKey });
    }
    const members = sortMembers(parties.map(({ advertisement }) => advertisement));
    await signRoster(primitives, this.#round, members, this.#coordinator);
    const roster = await agreeOn(primitives, descriptor, this.#round, members);
    const bundles = new Map(this.#sent.map((bytes, index) => [index, parseBundle(bytes, roster, index)]));
    for (const index of bundles.keys()) deliveryFor(roster, bundles, index);
    const ring = new RingSum(codec, parameters);
    const hashes = new Map<number, string>();
    for (const [index, { payload, signature }] of this.#uploads) {
      const sha256 = toHex(await primitives.sha256(payload));
      const party = roster.parties[index] as Party;
      if (!(await isUploadSigned(primitives, this.#context, party, { sha256, signature })))
        throw new Error('an update is not signed');
      ring.add(payload);
      hashes.set(index, sha256);
    }
    const survivors = await describeSurvivors(primitives, roster, hashes);
    for (const { nodeId, signature } of this.#consents.slice(0, descriptor.threshold)) {
      const party = roster.parties.find((one) => one.nodeId === nodeId) as Party;
      if (!(await isConsent(primitives, this.#context, survivors, party, signature)))
        throw new Error('a consent is none');
    }
    const unmasking = { roster, bundles, survivors: survivors.members };
    const answers = new Map([...this.#answers].slice(0, descriptor.threshold));
    const { revealed } = await openSecrets(primitives, unmasking, answers);
    const { coordinates, secondBlock } = ring.integers;
    const integers = { coordinates: coordinates.slice(), secondBlock: secondBlock.slice() };
    const maker = { primitives, keyStream: KEY_STREAM, layout: layoutOf(codec, parameters) } as const;
    for await (const mask of masksLeft(primitives, unmasking, this.#context, revealed))
      await addMasks(integers, [mask], maker);
    const { totalWeight } = openIntegers(integers, codec, survivors.members.length);
    if (totalWeight !== survivors.members.length) throw new Error('masks are left in the sum');
  }

  async #upload(index: number, delivered: Delivered): Promise<Upload> {
    const { codec, parameters } = this.#plan.manifest;
    const contribution = { delta: this.#delta, weight: 1, counters: [] };
    const integers = updateIntegers(contribution, codec, primitives.random);
    const keys = this.#keys[index] as AttemptKeys;
    const masks = await masksOf(primitives, this.#roster, index, keys, delivered);
    const maker = { primitives, keyStream: KEY_STREAM, layout: layoutOf(codec, parameters) } as const;
    await addMasks(integers, masks, maker);
    const payload = packIntegers(integers, codec);
    const sha256 = toHex(await primitives.sha256(payload));
    const party = this.#roster.parties[index] as Party;
    const signature = await signUpload(this.#identityOf(index), delivered.context, party, sha256);
    return { payload, sha256, signature };
  }

  #identityOf(index: number): Signer {
    return this.#identities.get(this.#roster.parties[index]?.nodeId ?? '') as Signer;
  }

  #checkedRound(): Promise<Uint8Array> {
    return checkDescriptor(primitives, this.#descriptor, this.#terms, { suites: [1], allowsSparse: false });
  }
}
