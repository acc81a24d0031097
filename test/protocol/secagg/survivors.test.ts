import { beforeAll, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { toHex } from '../../../protocol/bytes.ts';
import { encodeSet } from '../../../protocol/secagg/members.ts';
import { checkSurvivors, describeSurvivors } from '../../../protocol/secagg/survivors.ts';
import type { RoundDescriptor, Survivors } from '../../../schemas/secagg.ts';
import { flippedHex, type SmallAttempt, smallAttempt } from '../../fixtures/small-attempt.ts';

/** Of five; the last one has sent no shares. */
let attempt: SmallAttempt;
let hashes: Map<number, string>;
let told: ReadonlyMap<number, Survivors>;
beforeAll(async () => {
  attempt = await smallAttempt({ count: 5, presence: { shares: (index) => index < 4 } });
  const { updates } = attempt.record.record;
  hashes = new Map(attempt.survivors.members.map((index, i) => [index, updates[i]?.sha256 ?? '']));
  ({ told } = await describeSurvivors(primitives, attempt.roster, hashes));
});

const OWN = 1;
const right = () => told.get(OWN) as Survivors;
const setOf = (...members: readonly number[]) => toHex(encodeSet(members, 5));

interface Asked {
  readonly survivors?: Survivors;
  readonly sha256?: string;
  readonly delivered?: readonly number[];
  readonly descriptor?: Partial<RoundDescriptor>;
}

function check({ survivors = right(), sha256, delivered = [0, 1, 2, 3], descriptor = {} }: Asked = {}) {
  const roster = { ...attempt.roster, descriptor: { ...attempt.roster.descriptor, ...descriptor } };
  const own = { own: OWN, sha256: sha256 ?? hashes.get(OWN) ?? '' };
  return checkSurvivors(primitives, roster, { members: delivered }, own, survivors);
}

test('each is told the same set and root, and a proof of its own', async () => {
  expect([...told.keys()]).toEqual([0, 1, 2, 3]);
  expect(await check()).toEqual({
    members: attempt.survivors.members,
    bits: attempt.survivors.bits,
    root: attempt.survivors.root,
  });
  expect(new Set([...told.values()].map(({ members, root }) => members + root)).size).toBe(1);
});

test.each<[what: string, asked: () => Asked, code: string]>([
  [
    'a set of another length',
    () => ({ survivors: { ...right(), members: `${setOf(0, 1, 2, 3)}00` } }),
    'survivorsInvalid',
  ],
  ['somebody beyond the roster', () => ({ survivors: { ...right(), members: '2f' } }), 'survivorsInvalid'],
  [
    'one whose shares did not come',
    () => ({ survivors: { ...right(), members: setOf(0, 1, 2, 3, 4) } }),
    'survivorsInvalid',
  ],
  [
    'its own update left out',
    () => ({ survivors: { ...right(), members: setOf(0, 2, 3) } }),
    'updateLeftOut',
  ],
  [
    'fewer than the threshold',
    () => ({ survivors: { ...right(), members: setOf(0, 1, 2) } }),
    'survivorsTooFew',
  ],
  ['fewer than the job has promised', () => ({ descriptor: { survivorsMinimum: 5 } }), 'survivorsTooFew'],
  ['another root', () => ({ survivors: { ...right(), root: flippedHex(right().root) } }), 'inclusionInvalid'],
  ['the proof of another', () => ({ survivors: told.get(2) as Survivors }), 'inclusionInvalid'],
  ['no proof', () => ({ survivors: { ...right(), proof: [] } }), 'inclusionInvalid'],
  [
    'a proof with one step more',
    () => ({ survivors: { ...right(), proof: [...right().proof, 'ab'.repeat(32)] } }),
    'inclusionInvalid',
  ],
  ['another update in place of its own', () => ({ sha256: 'ab'.repeat(32) }), 'inclusionInvalid'],
])('%s is refused', async (_what, asked, code) => {
  await expect(check()).resolves.toBeDefined();
  await expect(check(asked())).rejects.toMatchObject({ code });
});

test('the root of other survivors is another, even over the same updates', async () => {
  const fewer = new Map([...hashes].filter(([index]) => index !== 3));
  const { root, told: toldFewer } = await describeSurvivors(primitives, attempt.roster, fewer);
  expect(root).not.toEqual(attempt.survivors.root);
  await expect(
    check({ survivors: toldFewer.get(OWN) as Survivors, descriptor: { threshold: 3, survivorsMinimum: 3 } }),
  ).resolves.toMatchObject({ members: [0, 1, 2] });
});
