// covers: protocol/secagg/known-answers.ts
import { describe, expect, test } from 'vitest';
import { candidates } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { portable, portableKeyStreams } from '../../../protocol/primitives/portable.ts';
import type {
  Candidates,
  KeyStreamCandidate,
  KeyStreamName,
  Primitives,
  TakeKeyStream,
} from '../../../protocol/primitives.ts';
import { COUNTING_KEY, KEY_STREAMS } from '../../../protocol/secagg/known-answers.ts';
import {
  type CheckedPrimitive,
  requireSound,
  type SelfTestReport,
  selfTest,
} from '../../../protocol/secagg/self-test.ts';

const NAMES: readonly KeyStreamName[] = ['aes-256-ctr', 'chacha20'];

/** A clock on which every reading takes a millisecond, so that nothing here depends on the machine. */
function steady(): () => number {
  let now = 0;
  return () => {
    now += 1;
    return now;
  };
}

type Make = KeyStreamCandidate['keyStream'];

/** An implementation that does to the right stream what `alter` does. */
function planted(name: KeyStreamName, alter: (make: Make) => Make): KeyStreamCandidate {
  const make: Make = (key, length, take) => portable.keyStream(name, key, length, take);
  return { name, implementation: 'planted', partBytes: 65_536, keyStream: alter(make) };
}

const altering =
  (alter: (bytes: Uint8Array, offset: number) => void) =>
  (make: Make): Make =>
  (key, length, take) =>
    make(key, length, (bytes, offset) => {
      alter(bytes, offset);
      take(bytes, offset);
    });

/** What is wrong with an implementation; only the last rows are of those that fall for long streams alone. */
const WRONG_STREAMS: readonly (readonly [what: string, alter: (make: Make) => Make])[] = [
  ['its first bit', altering((bytes, at) => at === 0 && bytes.set([(bytes[0] ?? 0) ^ 1]))],
  ['another key', (make) => (_, length, take) => make(new Uint8Array(32).fill(9), length, take)],
  ['zeros', altering((bytes) => bytes.fill(0))],
  ['one byte too few', (make) => (key, length, take) => make(key, length - 1, take)],
  ['a part too many', (make) => (key, length, take) => make(key, length + 4, take)],
  ['nothing', () => async () => {}],
  [
    'an error',
    () => async () => {
      throw new Error('not here');
    },
  ],
  [
    'parts of 5 bytes',
    (make) => (key, length, take) =>
      make(key, length, (bytes, offset) => {
        for (let i = 0; i < bytes.length; i += 5) take(bytes.subarray(i, i + 5), offset + i);
      }),
  ],
  [
    'a second part that begins anew',
    (make) => async (key, length, take) => {
      for (let at = 0; at < length; at += 65_536)
        await make(key, Math.min(65_536, length - at), (bytes, offset) => take(bytes, at + offset));
    },
  ],
  ['a second part at the wrong place', (make) => (key, length, take) => make(key, length, misplaced(take))],
  ['one bit of its second block', altering((bytes, at) => at === 0 && flip(bytes, 64))],
  ['one bit in the middle of a part', altering((bytes, at) => at === 0 && flip(bytes, 2_000))],
  ['one bit after the border of a part', altering((bytes, at) => at === 65_536 && flip(bytes, 2))],
];

function misplaced(take: TakeKeyStream): TakeKeyStream {
  return (bytes, offset) => take(bytes, offset === 0 ? 0 : offset - 4);
}

function flip(bytes: Uint8Array, at: number): void {
  if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ 0x10;
}

/** What this platform has, and one more of each key stream, which comes first. */
const withPlanted = (alter: (make: Make) => Make): Candidates => ({
  ...candidates,
  keyStreams: () => [...NAMES.map((name) => planted(name, alter)), ...portableKeyStreams],
});

/** What this platform has, but for one primitive. */
const withPrimitive = (primitive: Partial<Primitives>): Candidates => ({
  ...candidates,
  primitives: { ...candidates.primitives, ...primitive },
  keyStreams: () => portableKeyStreams,
});

const verdictsOf = (report: SelfTestReport, implementation: string) =>
  report.keyStreams.filter((verdict) => verdict.implementation === implementation);

describe('the self-test on this platform', () => {
  test('everything is right, of each key stream one is chosen, and all suites are there', async () => {
    const { report } = await selfTest(candidates, () => performance.now());
    expect(report.suites).toEqual([1, 2]);
    for (const { isCorrect, reason } of [...report.primitives, ...report.keyStreams])
      expect({ isCorrect, reason }).toEqual({ isCorrect: true });
    for (const name of NAMES)
      expect(report.keyStreams.filter((verdict) => verdict.name === name && verdict.isChosen).length).toBe(1);
    for (const { megabytesPerSecond } of report.keyStreams) expect(megabytesPerSecond).toBeGreaterThan(0);
    expect(report.primitives.map(({ name }) => name).sort()).toEqual(
      Object.keys(candidates.primitives)
        .filter((name) => name !== 'keyStream' && name !== 'random')
        .sort(),
    );
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    expect(() => requireSound(report)).not.toThrow();
  });

  test('the known answers are those of @noble too', async () => {
    for (const { name, keyStream } of portableKeyStreams)
      for (const [length, hash] of KEY_STREAMS[name].hashes) {
        if (length > 300_000) continue; // a second of @noble
        const stream = new Uint8Array(length);
        await keyStream(COUNTING_KEY, length, (bytes, offset) => stream.set(bytes, offset));
        expect(toHex(await portable.sha256(stream)), `${name} ${length}`).toBe(toHex(hash));
      }
  });
});

describe('a key stream that is wrong is dropped and reported', () => {
  test.each(WRONG_STREAMS)('%s', async (_, alter) => {
    const { report, primitives } = await selfTest(withPlanted(alter), steady());
    for (const verdict of verdictsOf(report, 'planted')) {
      expect(verdict).toMatchObject({ isCorrect: false, isChosen: false, megabytesPerSecond: 0 });
      expect(verdict.reason).toBeTruthy();
    }
    expect(verdictsOf(report, '@noble').map(({ isChosen }) => isChosen)).toEqual([true, true]);
    for (const name of NAMES) {
      const first = new Uint8Array(KEY_STREAMS[name].begins.length);
      await primitives.keyStream(name, new Uint8Array(32), first.length, (bytes) => first.set(bytes));
      expect(first).toEqual(KEY_STREAMS[name].begins);
    }
    expect(() => requireSound(report)).not.toThrow();
  });

  test('the control: planted without a fault it is taken, as the first of equals', async () => {
    const { report } = await selfTest(
      withPlanted((make) => make),
      steady(),
    );
    for (const verdict of verdictsOf(report, 'planted'))
      expect(verdict).toMatchObject({ isCorrect: true, isChosen: true });
    expect(verdictsOf(report, '@noble').map(({ isChosen }) => isChosen)).toEqual([false, false]);
  });

  test('its own border is crossed, however far that is', async () => {
    const wrongFrom = (at: number) => altering((bytes, offset) => offset === at && flip(bytes, 0));
    const of = async (partBytes: number) => {
      const candidate = { ...planted('chacha20', wrongFrom(262_144)), partBytes };
      const { report } = await selfTest({ ...candidates, keyStreams: () => [candidate] }, steady());
      return report.keyStreams[0]?.isCorrect;
    };
    expect(await of(262_144)).toBe(false);
    expect(await of(65_536)).toBe(true); // the control: it is that length which finds it
  });
});

describe('of what is right, the fastest is chosen', () => {
  /** Takes `ms` for 64 KiB, on the clock that comes with it. */
  const taking = (implementation: string, ms: number, clock: { now: number }) => ({
    ...planted('chacha20', (make) => async (key, length, take) => {
      clock.now += (ms * length) / 65_536;
      await make(key, length, take);
    }),
    implementation,
  });
  const chosen = async (...ms: number[]) => {
    const clock = { now: 0 };
    const keyStreams = () => ms.map((each, i) => taking(`${i}`, each, clock));
    const { report } = await selfTest({ ...candidates, keyStreams }, () => clock.now);
    return report.keyStreams.find(({ isChosen }) => isChosen);
  };

  test('wherever it stands', async () => {
    expect(await chosen(8, 4, 16)).toMatchObject({ implementation: '1', megabytesPerSecond: 16 });
    expect(await chosen(2, 4)).toMatchObject({ implementation: '0', megabytesPerSecond: 33 });
    expect(await chosen(0.5, 0.25)).toMatchObject({ implementation: '1', megabytesPerSecond: 262 });
    expect(await chosen(0.25, 0.5, 4)).toMatchObject({ implementation: '0', megabytesPerSecond: 262 });
  });

  test('a clock that does not move makes no endless speed', async () => {
    const first = await chosen(0, 0);
    expect(first).toMatchObject({ implementation: '0' });
    expect(Number.isFinite(first?.megabytesPerSecond)).toBe(true);
  });
});

/** Each is one that a test of the right answers alone might let through, or that gives others. */
const WRONG_PRIMITIVES: readonly (readonly [
  what: CheckedPrimitive,
  how: string,
  wrong: Partial<Primitives>,
])[] = [
  ['sha256', 'zeros', { sha256: async () => new Uint8Array(32) }],
  ['signer', 'another seed', { signer: () => portable.signer(new Uint8Array(32)) }],
  [
    'signer',
    'a wrong signature',
    { signer: async (seed) => ({ ...(await portable.signer(seed)), sign: async () => new Uint8Array(64) }) },
  ],
  ['verify', 'always', { verify: async () => true }],
  ['verify', 'never', { verify: async () => false }],
  [
    'verify',
    'whatever the message',
    { verify: (signature, _, key) => portable.verify(signature, Uint8Array.of(0x72), key) },
  ],
  [
    'verify',
    'keys of small order',
    { verify: async (...given) => given[2][0] === 1 || portable.verify(...given) },
  ],
  [
    'agreement',
    'the secret as public key',
    { agreement: async (secret) => ({ ...(await portable.agreement(secret)), publicKey: secret }) },
  ],
  [
    'agreement',
    'without the other',
    {
      agreement: async (secret) => {
        const { publicKey } = await portable.agreement(secret);
        return { publicKey, with: async () => publicKey };
      },
    },
  ],
  [
    'agreement',
    'with zero',
    {
      agreement: async (secret) => {
        const agreed = await portable.agreement(secret);
        const isZero = (key: Uint8Array) => key.every((byte) => byte === 0);
        return { ...agreed, with: async (key) => (isZero(key) ? new Uint8Array(32) : agreed.with(key)) };
      },
    },
  ],
  [
    'hkdf',
    'without the salt',
    { hkdf: (secret, _, info, length) => portable.hkdf(secret, new Uint8Array(), info, length) },
  ],
  ['seal', 'in the open', { seal: async (plaintext) => plaintext }],
  [
    'open',
    'also what was altered',
    { open: async (sealed, seal) => (await portable.open(sealed, seal)) ?? new Uint8Array(1) },
  ],
  ['open', 'nothing', { open: async () => undefined }],
];

describe('a primitive that is wrong is dropped and reported', () => {
  test.each(WRONG_PRIMITIVES)('%s: %s', async (name, _, wrong) => {
    const { report, primitives } = await selfTest(withPrimitive(wrong), steady());
    const of = report.primitives.filter((verdict) => verdict.name === name);
    expect(of).toMatchObject([
      { implementation: candidates.implementation, isCorrect: false, isChosen: false },
      { implementation: '@noble', isCorrect: true, isChosen: true },
    ]);
    expect(primitives[name]).toBe(portable[name]);
    expect(report.primitives.filter(({ isCorrect }) => !isCorrect).length).toBe(1);
    expect(report.suites).toEqual([1, 2]);
    // All of the program uses it, and not only secure aggregation.
    expect(() => requireSound(report)).toThrow(
      expect.objectContaining({
        code: 'primitiveUnsound',
        detail: { primitive: name, implementation: candidates.implementation, reason: expect.any(String) },
      }),
    );
  });
});

test('without any right implementation of a key stream its suite is gone, and with both so is the node', async () => {
  const broken = (names: readonly KeyStreamName[]): Candidates => ({
    ...candidates,
    keyStreams: () =>
      NAMES.map((name) => planted(name, (make) => (names.includes(name) ? async () => {} : make))),
  });
  const one = await selfTest(broken(['chacha20']), steady());
  expect(one.report.suites).toEqual([1]);
  expect(() => requireSound(one.report)).not.toThrow();
  await expect(one.primitives.keyStream('aes-256-ctr', COUNTING_KEY, 4, () => {})).resolves.toBeUndefined();
  await expect(one.primitives.keyStream('chacha20', COUNTING_KEY, 4, () => {})).rejects.toMatchObject({
    code: 'primitiveUnsound',
    detail: { primitive: 'chacha20' },
  });
  const both = await selfTest(broken(NAMES), steady());
  expect(both.report.suites).toEqual([]);
  expect(() => requireSound(both.report)).toThrow(expect.objectContaining({ code: 'primitiveUnsound' }));
});
