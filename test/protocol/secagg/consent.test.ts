import { beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { checkCertificate, consentTo, isConsent } from '../../../protocol/secagg/consent.ts';
import { encodeSet } from '../../../protocol/secagg/members.ts';
import type { Party } from '../../../protocol/secagg/roster.ts';
import type { Certificate } from '../../../schemas/secagg.ts';
import { flipped, flippedHex, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

type OneConsent = Certificate['consents'][number];

/** Of five, of whom the last has sent no update: four survivors, and four have to consent. */
let attempt: SmallAttempt;
let context: Uint8Array;
let consents: OneConsent[];
beforeAll(async () => {
  attempt = await smallAttempt({ count: 5, presence: { upload: (index) => index < 4 } });
  context = attempt.delivered.get(0)?.context ?? new Uint8Array();
  consents = [...attempt.consents].map(([index, signature]) => ({ nodeId: idOf(index), signature }));
});

const OWN = 0;
const idOf = (index: number) => attempt.roster.parties[index]?.nodeId ?? '';
const check = (some: readonly OneConsent[], peers: readonly number[] = [1, 2, 3, 4]) =>
  checkCertificate(primitives, attempt.roster, { context, peers }, OWN, attempt.survivors, {
    consents: [...some],
  });
const refusedWith = (got: number) => ({ code: 'certificateInvalid', detail: { needed: 4, got } });
const signatureOf = (index: number) => attempt.consents.get(index) ?? '';
const identityOf = (index: number) => attempt.parties[index]?.identity ?? attempt.coordinator;

test('as many as the threshold says are enough, in any order', async () => {
  await expect(check(consents)).resolves.toBeUndefined();
  await expect(check([...consents].reverse())).resolves.toBeUndefined();
  await expect(check(consents.slice(1))).rejects.toMatchObject(refusedWith(3));
  await expect(check([])).rejects.toMatchObject(refusedWith(0));
});

test.each<[what: string, last: () => OneConsent | Promise<OneConsent>]>([
  ['one of them twice', () => consents[0] as OneConsent],
  ['that of one who is nobody', () => ({ nodeId: '0'.repeat(32), signature: signatureOf(3) })],
  ['the signature of another', () => ({ nodeId: idOf(3), signature: signatureOf(2) })],
  ['a forged one', () => ({ nodeId: idOf(3), signature: flippedHex(signatureOf(3)) })],
  [
    'that of one who is no survivor',
    async () => ({
      nodeId: idOf(4),
      signature: await consentTo(identityOf(4), context, attempt.survivors),
    }),
  ],
  [
    'one to other survivors',
    async () => ({
      nodeId: idOf(3),
      signature: await consentTo(identityOf(3), context, {
        ...attempt.survivors,
        bits: encodeSet([0, 1, 2, 3, 4], 5),
      }),
    }),
  ],
  [
    'one to other updates',
    async () => ({
      nodeId: idOf(3),
      signature: await consentTo(identityOf(3), context, {
        ...attempt.survivors,
        root: flipped(attempt.survivors.root),
      }),
    }),
  ],
  [
    'one of another context',
    async () => ({
      nodeId: idOf(3),
      signature: await consentTo(identityOf(3), flipped(context), attempt.survivors),
    }),
  ],
])('three and %s are not four', async (_what, last) => {
  const three = consents.slice(0, 3);
  await expect(check([...three, consents[3] as OneConsent])).resolves.toBeUndefined();
  await expect(check([...three, await last()])).rejects.toMatchObject(refusedWith(3));
});

test('strangers count for nothing: only whom it shares masks with, and itself', async () => {
  await expect(check(consents, [1, 2, 3])).resolves.toBeUndefined();
  await expect(check(consents, [1, 2])).rejects.toMatchObject(refusedWith(3));
});

test('a consent is that of one party to one set', async () => {
  const party = (index: number) => attempt.roster.parties[index] as Party;
  const is = (index: number, signature: string) =>
    isConsent(primitives, context, attempt.survivors, party(index), signature);
  expect(await is(2, signatureOf(2))).toBe(true);
  expect(await is(2, signatureOf(1))).toBe(false);
  expect(await is(2, flippedHex(signatureOf(2)))).toBe(false);
});
