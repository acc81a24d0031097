/**
 * The self-test: which implementations of the primitives are right on this machine, and which of the right ones is the
 * fastest at making masks. SPEC.md 11.13.
 *
 * Every implementation is held against known answers before it is used: a broken accelerator, a faulty build or a bad
 * machine would give masks that cancel with nobody's, or signatures that mean nothing. What gives one wrong answer is
 * dropped and reported. Of key streams, where a factor of a hundred lies between implementations, the fastest right one is
 * chosen by a short measurement. All of it takes some 40 milliseconds in Node.
 */
import type { SuiteId } from '../../schemas/secagg.ts';
import { equalBytes } from '../bytes.ts';
import { portable } from '../primitives/portable.ts';
import type { Candidates, KeyStreamCandidate, KeyStreamName, Primitives } from '../primitives.ts';
import { HanseError, isProblem } from '../problem.ts';
import {
  AGREEMENT,
  COUNTING_KEY,
  DERIVATION,
  HASH,
  KEY_STREAMS,
  SEALING,
  SIGNATURE,
} from './known-answers.ts';
import { SUITES } from './suite.ts';

/** All but the key streams, which have several implementations, and randomness, which has no known answers. */
export type CheckedPrimitive = Exclude<keyof Primitives, 'keyStream' | 'random'>;

/** An implementation, and what came of it. */
interface Verdict {
  /** Whose code it is: `node:crypto`, `WebCrypto`, `WebAssembly`, `@noble`. */
  readonly implementation: string;
  readonly isCorrect: boolean;
  /** Never without being correct. */
  readonly isChosen: boolean;
  /** What was wrong, where something was. */
  readonly reason?: string;
}

export interface PrimitiveVerdict extends Verdict {
  readonly name: CheckedPrimitive;
}

export interface KeyStreamVerdict extends Verdict {
  readonly name: KeyStreamName;
  /**
   * 10^6 bytes per second, whole. Of one that is far behind another it is that of its first few bytes, and could become
   * several times as much; 0 of one that is not correct.
   */
  readonly megabytesPerSecond: number;
}

/** Plain data. */
export interface SelfTestReport {
  readonly keyStreams: readonly KeyStreamVerdict[];
  /** First that of the platform; that of @noble only where the first is wrong. */
  readonly primitives: readonly PrimitiveVerdict[];
  /** Those for which there is a correct implementation of everything. */
  readonly suites: readonly SuiteId[];
}

export interface SelfTest {
  readonly report: SelfTestReport;
  /** Of what was chosen. What has no correct implementation throws `primitiveUnsound`. */
  readonly primitives: Primitives;
}

/** @param elapsed monotonic, in milliseconds */
export async function selfTest(candidates: Candidates, elapsed: () => number): Promise<SelfTest> {
  const checked: PrimitiveVerdict[] = [];
  const sound: Primitives = { ...candidates.primitives };
  for (const name of CHECKED) checked.push(...(await choosePrimitive(name, candidates, sound)));
  const sha256 = checked.some(({ name, isChosen }) => name === 'sha256' && isChosen)
    ? sound.sha256
    : portable.sha256;

  const keyStreams: KeyStreamVerdict[] = [];
  const chosen = new Map<KeyStreamName, KeyStreamCandidate>();
  const all = candidates.keyStreams();
  for (const name of Object.keys(KEY_STREAMS) as KeyStreamName[]) {
    const ofName = all.filter((candidate) => candidate.name === name);
    const { verdicts, best } = await chooseKeyStream(ofName, sha256, elapsed);
    keyStreams.push(...verdicts);
    if (best) chosen.set(name, best);
  }
  sound.keyStream = async (name, key, length, take) => {
    const candidate = chosen.get(name);
    if (!candidate) throw unsound(name, 'all', NONE_RIGHT);
    return candidate.keyStream(key, length, take);
  };
  const isWhole = CHECKED.every((name) =>
    checked.some((verdict) => verdict.name === name && verdict.isChosen),
  );
  const suites = SUITES.filter(({ keyStream }) => isWhole && chosen.has(keyStream)).map(({ id }) => id);
  return { report: { keyStreams, primitives: checked, suites }, primitives: sound };
}

/**
 * Whether who has this report may take part. Key streams have a choice; everything else is also used outside of secure
 * aggregation, as the platform gives it: where that is wrong, so were the signatures and hashes of this node.
 * @throws primitiveUnsound
 */
export function requireSound({ primitives, suites }: SelfTestReport): void {
  const wrong = primitives.find(({ isCorrect }) => !isCorrect);
  if (wrong) throw unsound(wrong.name, wrong.implementation, wrong.reason ?? NONE_RIGHT);
  if (suites.length === 0) throw unsound('key stream', 'all', NONE_RIGHT);
}

const NONE_RIGHT = 'no implementation gave the known answers';

function unsound(primitive: string, implementation: string, reason: string): HanseError<'primitiveUnsound'> {
  return new HanseError('primitiveUnsound', { primitive, implementation, reason });
}

/** The verdict on the platform's, and on that of @noble if it has to stand in; puts the right one into `sound`. */
async function choosePrimitive(
  name: CheckedPrimitive,
  { implementation, primitives }: Candidates,
  sound: Primitives,
): Promise<PrimitiveVerdict[]> {
  const isOwn = primitives[name] !== portable[name];
  const first = await verdictOn(() => CHECKS[name](primitives));
  const verdicts = [
    { name, implementation: isOwn ? implementation : '@noble', ...first, isChosen: first.isCorrect },
  ];
  if (first.isCorrect) return verdicts;
  if (isOwn) {
    const { random } = primitives;
    const second = await verdictOn(() => CHECKS[name]({ ...portable, random }));
    verdicts.push({ name, implementation: '@noble', ...second, isChosen: second.isCorrect });
    if (second.isCorrect) {
      Object.assign(sound, { [name]: portable[name] });
      return verdicts;
    }
  }
  Object.assign(sound, {
    [name]: async () => {
      throw unsound(name, 'all', NONE_RIGHT);
    },
  });
  return verdicts;
}

async function chooseKeyStream(
  candidates: readonly KeyStreamCandidate[],
  sha256: Primitives['sha256'],
  elapsed: () => number,
): Promise<{ readonly verdicts: KeyStreamVerdict[]; readonly best: KeyStreamCandidate | undefined }> {
  const verdicts: Omit<KeyStreamVerdict, 'isChosen'>[] = [];
  let best: { readonly at: number; readonly speed: number } | undefined;
  for (const [at, candidate] of candidates.entries()) {
    const { name, implementation } = candidate;
    const outcome = await verdictOn(() => checkKeyStream(candidate, sha256));
    const megabytesPerSecond = outcome.isCorrect ? await speedOf(candidate, best?.speed ?? 0, elapsed) : 0;
    verdicts.push({ name, implementation, megabytesPerSecond, ...outcome });
    if (outcome.isCorrect && !(best && best.speed >= megabytesPerSecond))
      best = { at, speed: megabytesPerSecond };
  }
  return {
    verdicts: verdicts.map((verdict, at) => ({ ...verdict, isChosen: at === best?.at })),
    best: best && candidates[best.at],
  };
}

/** A check throws at the first wrong answer. */
async function verdictOn(check: () => Promise<void>): Promise<Pick<Verdict, 'isCorrect' | 'reason'>> {
  try {
    await check();
    return { isCorrect: true };
  } catch (error) {
    return { isCorrect: false, reason: error instanceof Error ? error.message : String(error) };
  }
}

function expectAnswer(what: string, isRight: boolean): void {
  if (!isRight) throw new Error(`${what}: not the known answer`);
}

function expectBytes(what: string, got: Uint8Array | undefined, expected: Uint8Array): void {
  expectAnswer(what, got !== undefined && equalBytes(got, expected));
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
}

const CHECKS: Readonly<Record<CheckedPrimitive, (primitives: Primitives) => Promise<void>>> = {
  sha256: async ({ sha256 }) => expectBytes('a hash', await sha256(HASH.message), HASH.digest),
  signer: async ({ signer }) => {
    const made = await signer(SIGNATURE.seed);
    expectBytes('the public key of a seed', made.publicKey, SIGNATURE.publicKey);
    expectBytes('a signature', await made.sign(SIGNATURE.message), SIGNATURE.signature);
  },
  verify: async ({ verify }) => {
    const { signature, message, publicKey } = SIGNATURE;
    expectAnswer('a good signature', await verify(signature, message, publicKey));
    expectAnswer('an altered signature', !(await verify(flipped(signature), message, publicKey)));
    expectAnswer('an altered message', !(await verify(signature, flipped(message), publicKey)));
    // R the neutral element and S zero fit every message under the neutral element as key.
    const neutral = Uint8Array.from({ length: 64 }, (_, i) => (i === 0 ? 1 : 0));
    expectAnswer('a key of small order', !(await verify(neutral, message, neutral.subarray(0, 32))));
  },
  agreement: async ({ agreement }) => {
    const { base, product, secret, publicKey, shared } = AGREEMENT;
    expectBytes('the public key of a secret', (await agreement(base)).publicKey, product);
    const agreed = await agreement(secret);
    expectBytes('an agreement', await agreed.with(publicKey), shared);
    const refused = await agreed.with(new Uint8Array(32)).then(
      () => false,
      (error: unknown) => isProblem(error, 'keyLowOrder'),
    );
    expectAnswer('an agreement with a key of small order', refused);
  },
  hkdf: async ({ hkdf }) => {
    const { secret, salt, info, output } = DERIVATION;
    expectBytes('a derived key', await hkdf(secret, salt, info, output.length), output);
  },
  seal: async ({ seal }) =>
    expectBytes('what was sealed', await seal(SEALING.plaintext, SEALING.seal), SEALING.sealed),
  open: async ({ open }) => {
    const { plaintext, seal, sealed } = SEALING;
    expectBytes('what was opened', await open(sealed, seal), plaintext);
    expectAnswer('what was altered', (await open(flipped(sealed), seal)) === undefined);
    const elsewhere = { ...seal, associated: flipped(seal.associated) };
    expectAnswer('what belongs elsewhere', (await open(sealed, elsewhere)) === undefined);
  },
};

const CHECKED = Object.keys(CHECKS) as readonly CheckedPrimitive[];

/** The beginning, and lengths up to the first that goes over the border of a part. */
async function checkKeyStream(candidate: KeyStreamCandidate, sha256: Primitives['sha256']): Promise<void> {
  const { begins, hashes } = KEY_STREAMS[candidate.name];
  expectBytes('its beginning', await streamOf(candidate, new Uint8Array(32), begins.length), begins);
  for (const [i, [length, hash]] of hashes.entries()) {
    const before = i === 0 ? 0 : (hashes[i - 1]?.[0] ?? 0);
    if (before > candidate.partBytes) break;
    const stream = await streamOf(candidate, COUNTING_KEY, length);
    expectBytes(`${length} bytes of it`, await sha256(stream), hash);
  }
}

async function streamOf(
  { keyStream }: KeyStreamCandidate,
  key: Uint8Array,
  length: number,
): Promise<Uint8Array> {
  const stream = new Uint8Array(length);
  let filled = 0;
  await keyStream(key, length, (bytes, offset) => {
    const isWhole = bytes.length % 4 === 0 || offset + bytes.length === length;
    expectAnswer('its parts', offset === filled && offset + bytes.length <= length && isWhole);
    stream.set(bytes, offset);
    filled += bytes.length;
  });
  expectAnswer('its length', filled === length);
  return stream;
}

/** Of a stream, to see who is far behind, and to tell the others from each other. */
const FEW_BYTES = 1 << 12;
const MANY_BYTES = 1 << 20;
/** Who is so many times as slow on few bytes as another on many is not asked for many. */
const FAR_BEHIND = 4;
/** The shortest of some is what it can do: the others were interrupted, or not compiled yet. */
const RUNS = 3;
/** Clocks of browsers are coarse: less than this is not told from nothing. */
const LEAST_MS = 0.01;

/** 10^6 bytes per second. @param toBeat that of the fastest so far */
async function speedOf(
  candidate: KeyStreamCandidate,
  toBeat: number,
  elapsed: () => number,
): Promise<number> {
  const few = speed(FEW_BYTES, await shortestRun(candidate, FEW_BYTES, elapsed));
  if (FAR_BEHIND * few < toBeat) return few;
  return speed(MANY_BYTES, await shortestRun(candidate, MANY_BYTES, elapsed));
}

function speed(bytes: number, ms: number): number {
  return Math.round(bytes / 1000 / Math.max(LEAST_MS, ms));
}

async function shortestRun(
  { keyStream }: KeyStreamCandidate,
  bytes: number,
  elapsed: () => number,
): Promise<number> {
  let shortest = Number.POSITIVE_INFINITY;
  for (let run = 0; run < RUNS; run += 1) {
    const from = elapsed();
    await keyStream(COUNTING_KEY, bytes, () => {});
    shortest = Math.min(shortest, elapsed() - from);
  }
  return shortest;
}
