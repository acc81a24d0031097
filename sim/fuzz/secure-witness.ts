/**
 * What leaves the nodes of a secure job, as somebody sees it who stands behind each of them and knows what they keep to
 * themselves. SPEC.md 11.7. Of nodes, over all of their processes and keys:
 *
 * - An update is never sent unmasked, neither as a whole nor in a part.
 * - In one attempt nobody says one thing twice in different words: keys, shares, update, consent, answer.
 * - Keys are those of one attempt.
 * - Of no participant are both secrets revealed in one context, by whomever: of survivors the seed, of the others the
 *   mask secret.
 * - Nobody helps to open two sums over one model: they would subtract.
 * - A node declines because of what the schedule does to it, or because of what it has spent; never since it suspects an
 *   honest coordinator or honest others.
 */
import { createHash } from 'node:crypto';
import type { CoordinatorApi } from '../../client/coordinator-api.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import type { Primitives } from '../../protocol/primitives.ts';
import { HEADER_BYTES } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { Advertisement } from '../../schemas/secagg.ts';
import type { UploadRequest } from '../../schemas/upload.ts';
import type { JobLedger } from './job-ledger.ts';
import { integersOf } from './recompute.ts';

export interface WitnessOptions {
  ledgerOf(jobId: string): JobLedger | undefined;
  /** A rule was broken. */
  note(rule: string, message: string): void;
}

/** A process of a node. */
export interface Observed {
  readonly index: number;
  readonly lives: number;
  readonly nodeId: string;
}

interface Place {
  readonly jobId: string;
  readonly round: number | string;
  readonly attempt: number | string;
}

/** Whose secret a share is of, and in which context. */
interface KnownShare {
  readonly context: string;
  readonly dealer: string;
  readonly secret: 'seed' | 'mask secret';
}

/** For which a node of the fuzzer may decline: faults of training and data, of its journal, and what it has spent. */
const EXCUSES: ReadonlySet<string> = new Set([
  'trainingDiverged',
  'dataShapeMismatch',
  'storageFull',
  'storageFailed',
  'attemptSpent',
  'roundAlreadyOpened',
]);

const SHARE_BYTES = 32;
/** In front of context, dealer and holder, in what a sealed share belongs to. */
const LABEL_BYTES = 'HSA1 share\0'.length;
const ID_BYTES = 16;

/** Messages of which each node has one for an attempt. */
const WORDS: ReadonlySet<string> = new Set([
  'advertiseKeys',
  'putShares',
  'putMaskedUpdate',
  'putConsent',
  'putAnswer',
]);

export class SecureWitness {
  readonly #manifest: JobManifest;
  readonly #options: WitnessOptions;
  /** Unmasked, by process and place; by node and hash of what was sent. */
  readonly #made = new Map<string, Uint8Array>();
  readonly #sent = new Map<string, Uint8Array>();
  /** By node, message and place. */
  readonly #words = new Map<string, string>();
  /** The attempt of each key that was advertised. */
  readonly #keys = new Map<string, string>();
  readonly #shares = new Map<string, KnownShare>();
  /** By context and dealer. */
  readonly #revealed = new Map<string, KnownShare['secret']>();
  /** By node and model. */
  readonly #opened = new Map<string, string>();

  constructor(manifest: JobManifest, options: WitnessOptions) {
    this.#manifest = manifest;
    this.#options = options;
  }

  /** This process has made an update and not masked it yet. @param payload as packed */
  made({ index, lives }: Observed, place: Place, payload: Uint8Array): void {
    const vector = new Uint8Array(HEADER_BYTES + payload.length);
    vector.set(payload, HEADER_BYTES);
    this.#made.set(`${index}/${lives} ${placeOf(place)}`, vector);
  }

  /**
   * What a survivor had made of what is in the sum, as a stored vector without its header.
   * @param masked as it was sent
   */
  madeOf(nodeId: string, sha256: string, masked: Uint8Array): Uint8Array {
    const made = this.#sent.get(`${nodeId} ${sha256}`);
    if (!made) {
      this.#options.note('the opened sum is that of the survivors', `${nodeId} has not made ${sha256}`);
      return masked;
    }
    const { parameters, codec } = this.#manifest;
    const [under, plain] = [masked, made].map((vector) => integersOf(vector, parameters, codec.width));
    const isPlain = under?.slice(0, -1).join() === plain?.slice(0, -1).join();
    if (isPlain || under?.at(-1) === plain?.at(-1))
      this.#options.note('nothing plain leaves', `${isPlain ? 'coordinates' : 'weight'} of ${nodeId}`);
    return made;
  }

  /** The primitives of a node, each of whose sealed shares is looked at. */
  watching(primitives: Primitives): Primitives {
    return {
      ...primitives,
      seal: (plaintext, seal) => {
        this.#learn(seal.associated, plaintext);
        return primitives.seal(plaintext, seal);
      },
    };
  }

  /** The wire of a process, behind all of its repetitions. */
  behind(process: Observed, api: CoordinatorApi): CoordinatorApi {
    return {
      call: (name, request, options) => {
        this.#look(process, name, request);
        return api.call(name, request, options);
      },
    };
  }

  #learn(associated: Uint8Array, plaintext: Uint8Array): void {
    const parts = Buffer.from(associated.subarray(LABEL_BYTES));
    const context = parts.subarray(0, SHARE_BYTES).toString('hex');
    const dealer = parts.subarray(SHARE_BYTES, SHARE_BYTES + ID_BYTES).toString('hex');
    const [seed, maskSecret] = [1, 1 + SHARE_BYTES].map((at) =>
      hex(plaintext.subarray(at, at + SHARE_BYTES)),
    );
    this.#shares.set(seed ?? '', { context, dealer, secret: 'seed' });
    this.#shares.set(maskSecret ?? '', { context, dealer, secret: 'mask secret' });
  }

  #look(process: Observed, name: string, request: unknown): void {
    const { params, body } = request as { readonly params?: Place; readonly body?: unknown };
    const isSecure = this.#manifest.aggregation === 'secure';
    if (isSecure && name === 'putUpdate') this.#options.note('nothing plain leaves', `node ${process.index}`);
    if (isSecure && name === 'decline') this.#lookAtExcuse(process, body as { readonly code: string });
    if (name === 'openUpload') this.#lookAtUpload(process, body as UploadRequest);
    if (!params || !WORDS.has(name)) return;
    const word = body instanceof Uint8Array ? sha256Of(body) : canonicalJson(body);
    this.#hear(process, name, params, word);
    if (name === 'advertiseKeys') this.#lookAtKeys(params, body as Advertisement);
    if (name === 'putMaskedUpdate') this.#send(process, params, word);
    if (name === 'putAnswer') this.#lookAtAnswer(process, params, body as Uint8Array);
  }

  #lookAtExcuse({ index }: Observed, { code }: { readonly code: string }): void {
    if (!EXCUSES.has(code)) this.#options.note('nobody declines without a reason', `node ${index}: ${code}`);
  }

  #lookAtUpload(process: Observed, { target, sha256 }: UploadRequest): void {
    if (target.type !== 'update') return;
    if (target.signature === undefined) {
      if (this.#manifest.aggregation === 'secure')
        this.#options.note('nothing plain leaves', `node ${process.index}, in chunks`);
      return;
    }
    this.#hear(process, 'putMaskedUpdate', target, sha256);
    this.#send(process, target, sha256);
  }

  #send({ index, lives, nodeId }: Observed, place: Place, sha256: string): void {
    const made = this.#made.get(`${index}/${lives} ${placeOf(place)}`);
    if (made) this.#sent.set(`${nodeId} ${sha256}`, made);
  }

  #hear({ index }: Observed, name: string, place: Place, word: string): void {
    const key = `${index} ${name} ${placeOf(place)}`;
    const before = this.#words.get(key);
    this.#words.set(key, word);
    if (before !== undefined && before !== word)
      this.#options.note('one word in each attempt', `node ${index}, ${name} in ${placeOf(place)}`);
  }

  #lookAtKeys(place: Place, { nodeId, channelKey, maskKey }: Advertisement): void {
    for (const key of [channelKey, maskKey]) {
      const before = this.#keys.get(key);
      this.#keys.set(key, placeOf(place));
      if (before !== undefined && before !== placeOf(place))
        this.#options.note('keys of one attempt', `${nodeId} in ${placeOf(place)}, as in ${before}`);
    }
  }

  #lookAtAnswer({ index }: Observed, place: Place, answer: Uint8Array): void {
    const ledger = this.#options.ledgerOf(place.jobId);
    const isPresent = ledger?.round === Number(place.round) && ledger.attempt === Number(place.attempt);
    const survivors = isPresent ? ledger?.current?.secure?.survivors : undefined;
    for (let at = 0; at < answer.length; at += SHARE_BYTES) {
      const share = this.#shares.get(hex(answer.subarray(at, at + SHARE_BYTES)));
      if (!share) continue; // of its own secrets, which it has sealed for nobody
      const { context, dealer, secret } = share;
      const before = this.#revealed.get(`${context} ${dealer}`) ?? secret;
      this.#revealed.set(`${context} ${dealer}`, secret);
      if (before !== secret)
        this.#options.note('one secret of each', `node ${index} reveals both of ${dealer}`);
      if (survivors && (secret === 'seed') !== survivors.has(dealer))
        this.#options.note('one secret of each', `node ${index} reveals the ${secret} of ${dealer}`);
    }
    const model = ledger?.startedFrom.get(`${place.round}/${place.attempt}`);
    const before = this.#opened.get(`${index} ${model}`) ?? placeOf(place);
    this.#opened.set(`${index} ${model}`, placeOf(place));
    if (before !== placeOf(place))
      this.#options.note('one opening of each model', `node ${index} in ${before} and in ${placeOf(place)}`);
  }
}

function placeOf({ jobId, round, attempt }: Place): string {
  return `${jobId} ${round}/${attempt}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
