/**
 * What the keys, seeds and contexts of secure aggregation are made of. SPEC.md 11.5.
 *
 * Each has a label of its own, so that nothing made for one use serves another; and each names the whole context that its
 * maker has seen, so that who is shown another roster or other survivors gets keys and masks that fit nobody's.
 */
import { concatBytes, utf8 } from '../bytes.ts';
import type { Agreement, Primitives } from '../primitives.ts';

type Hashing = Pick<Primitives, 'sha256'>;
type Deriving = Pick<Primitives, 'hkdf'>;

/** Of what is derived. */
const SEED_BYTES = 32;

/** The label, one zero byte, then the parts, each of a length that is fixed by its place. */
export function labelled(label: string, parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(utf8(`HSA1 ${label}\0`), ...parts);
}

/** Of an attempt whose participants are known. @param round 32 bytes @param roster 32 bytes */
export function rosterContext(
  primitives: Hashing,
  round: Uint8Array,
  roster: Uint8Array,
): Promise<Uint8Array> {
  return primitives.sha256(labelled('ctx', [round, roster]));
}

/**
 * Of an attempt of which is known whose shares were delivered: masks belong to it.
 * @param context of the roster, 32 bytes
 * @param delivered a bit for each of the roster, lowest first, as many bytes as that takes
 */
export function maskContext(
  primitives: Hashing,
  context: Uint8Array,
  delivered: Uint8Array,
): Promise<Uint8Array> {
  return primitives.sha256(labelled('ctx2', [context, delivered]));
}

/** By which a seed that was put together from shares is recognised. @param participant 16 bytes @param seed 32 bytes */
export async function seedCommitment(
  primitives: Hashing,
  context: Uint8Array,
  participant: Uint8Array,
  seed: Uint8Array,
): Promise<Uint8Array> {
  const committed = labelled('cb', [context, participant, seed]);
  try {
    return await primitives.sha256(committed);
  } finally {
    committed.fill(0);
  }
}

/** Two of a pair, and what one of them has for the other. */
export interface Pairing {
  /** With a secret of this attempt alone. */
  readonly agreement: Agreement;
  /** Of the other one. */
  readonly publicKey: Uint8Array;
  /** 16 bytes each. */
  readonly own: Uint8Array;
  readonly other: Uint8Array;
}

/** The seed of the mask that the lower of a pair adds and the higher takes away: the same for both. */
export async function pairSeed(
  primitives: Deriving,
  { agreement, publicKey, own, other }: Pairing,
  maskedContext: Uint8Array,
): Promise<Uint8Array> {
  const order = isBelow(own, other) ? [own, other] : [other, own];
  return derived(primitives, agreement, publicKey, maskedContext, labelled('mask', order));
}

/** Under which shares travel from one to the other; the way back has another. */
export async function shareKey(
  primitives: Deriving,
  { agreement, publicKey }: Pick<Pairing, 'agreement' | 'publicKey'>,
  context: Uint8Array,
  [from, to]: readonly [from: Uint8Array, to: Uint8Array],
): Promise<Uint8Array> {
  return derived(primitives, agreement, publicKey, context, labelled('share', [from, to]));
}

/** What sealed shares belong to. */
export function shareContext(context: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  return labelled('share', [context, from, to]);
}

async function derived(
  primitives: Deriving,
  agreement: Agreement,
  publicKey: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
): Promise<Uint8Array> {
  const shared = await agreement.with(publicKey);
  try {
    return await primitives.hkdf(shared, salt, info, SEED_BYTES);
  } finally {
    shared.fill(0);
  }
}

/** Of ids of one length, by their bytes; what is compared is public. */
export function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at >= 0 && (a[at] as number) < (b[at] as number);
}
