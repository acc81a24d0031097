import { describe, expect, test } from 'vitest';
import { signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import { formatVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import {
  formatWitnessPolicy,
  isQuorum,
  leastQuorum,
  majorityPolicy,
  parseWitnessPolicy,
  readWitnessed,
} from '../../../protocol/audit/witness-policy.ts';
import { cosigned, noteKey } from './notes.ts';

const log = await noteKey('hanse.example/log');
const witnesses = await Promise.all(
  [2, 3, 4, 5].map((seed) => noteKey(`w${seed}.example/witness`, 'cosignature', seed)),
);
const named = witnesses.map(({ key }, at) => ({ name: `W${at}`, key }));
const [logKey = '', ...keys] = [log, ...witnesses].map(({ key }) => formatVerifierKey(key));

/** As the specification has one: two of three, and any of the others. */
const TWO_LEVELS = `# of two organisations
log ${logKey}

witness X1 ${keys[0]}
witness X2 ${keys[1]}  https://x2.example/
witness Y1\t${keys[2]}
  witness Y2 ${keys[3]}
group X all X1 X2
group Y any Y1 Y2
group both 2 X Y
quorum both
`;

describe('a policy of two levels', async () => {
  const policy = await parseWitnessPolicy(TWO_LEVELS);

  test.each([
    [['X1', 'X2', 'Y2'], true],
    [['X1', 'X2', 'Y1', 'Y2'], true],
    [['X1', 'X2'], false],
    [['X1', 'Y1', 'Y2'], false],
    [[], false],
  ])('%j: %s', (seen, holds) => {
    expect(isQuorum(policy, new Set(seen))).toBe(holds);
  });

  test('has a quorum of so many at least', () => {
    expect(leastQuorum(policy)).toBe(3);
    expect(leastQuorum({ ...policy, quorum: 'X1' })).toBe(1);
    expect(leastQuorum({ ...policy, quorum: 'none' })).toBe(0);
    const [three] = [majorityPolicy(log.key, named.slice(0, 3))];
    expect(leastQuorum(three)).toBe(2);
    const both = { name: 'both', threshold: 1, members: ['X', 'Y'] };
    expect(leastQuorum({ ...policy, groups: [...policy.groups.slice(0, 2), both] })).toBe(1);
  });

  test('is the same once it was written', async () => {
    expect(await parseWitnessPolicy(formatWitnessPolicy(policy))).toEqual(policy);
    expect(policy.witnesses[1]?.url).toBe('https://x2.example/');
  });
});

test('a majority is more than half', async () => {
  for (const [count, least] of [
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
  ] as const) {
    const policy = majorityPolicy(log.key, named.slice(0, count));
    const names = policy.witnesses.map(({ name }) => name);
    for (let seen = 0; seen <= count; seen += 1)
      expect(isQuorum(policy, new Set(names.slice(0, seen)))).toBe(seen >= least);
  }
  expect(isQuorum(majorityPolicy(log.key, []), new Set())).toBe(true);
});

describe('a checkpoint', async () => {
  const policy = majorityPolicy(log.key, named.slice(0, 3));
  const note = await signCheckpoint({ size: 8, root: new Uint8Array(32) }, log.key, log.signer);

  test('is believed once enough have seen it', async () => {
    const two = await cosigned(note, witnesses.slice(0, 2), 1234);
    const { checkpoint, cosigned: seen } = await readWitnessed(two, policy);
    expect([checkpoint.size, [...seen]]).toEqual([
      8,
      [
        ['W0', 1234],
        ['W1', 1234],
      ],
    ]);
  });

  test('is not believed by one, by one twice, or by others', async () => {
    const [first, , , stranger] = witnesses as [
      (typeof witnesses)[0],
      unknown,
      unknown,
      (typeof witnesses)[0],
    ];
    for (const of of [[], [first], [first, first], [first, stranger]])
      await expect(readWitnessed(await cosigned(note, of), policy)).rejects.toThrow(
        expect.objectContaining({ code: 'quorumMissing' }),
      );
  });

  test('is not believed without the signature of the log, whoever has seen it', async () => {
    const other = await noteKey('hanse.example/log', 'note', 9);
    const forged = await signCheckpoint({ size: 8, root: new Uint8Array(32) }, other.key, other.signer);
    await expect(readWitnessed(await cosigned(forged, witnesses), policy)).rejects.toThrow(
      expect.objectContaining({ code: 'noteUnsigned' }),
    );
    await expect(readWitnessed(note, { ...policy, logs: [] })).rejects.toThrow(
      expect.objectContaining({ code: 'originUnknown' }),
    );
  });
});

describe('refused is a policy with', () => {
  test.each([
    ['no quorum', TWO_LEVELS.replace('quorum both\n', '')],
    ['two of them', `${TWO_LEVELS}quorum X\n`],
    ['one of nobody', TWO_LEVELS.replace('quorum both', 'quorum neither')],
    ['a name twice', TWO_LEVELS.replace('witness X2', 'witness X1')],
    ['a name that is reserved', TWO_LEVELS.replace('witness X2', 'witness none')],
    ['a key twice', TWO_LEVELS.replace(keys[1] as string, keys[0] as string)],
    ['a log for a witness', TWO_LEVELS.replace(keys[1] as string, logKey)],
    ['a witness for a log', TWO_LEVELS.replace(logKey, keys[0] as string)],
    ['a member that comes later', TWO_LEVELS.replace('all X1 X2', 'all X1 both')],
    ['a member twice', TWO_LEVELS.replace('any Y1 Y2', 'any Y1 X2')],
    ['a member twice in one group', TWO_LEVELS.replace('any Y1 Y2', 'any Y1 Y1')],
    ['a threshold above its members', TWO_LEVELS.replace('both 2', 'both 3')],
    ['a threshold of nobody', TWO_LEVELS.replace('both 2', 'both 0')],
    ['a threshold in other digits', TWO_LEVELS.replace('both 2', 'both 02')],
    ['no members', TWO_LEVELS.replace('group Y any Y1 Y2', 'group Y all')],
    ['another word', TWO_LEVELS.replace('group X', 'groups X')],
    ['something behind', TWO_LEVELS.replace('quorum both', 'quorum both X')],
    ['a control character', TWO_LEVELS.replace('quorum both', 'quorum both\r')],
  ])('%s', async (_, text) => {
    await expect(parseWitnessPolicy(text)).rejects.toThrow(
      expect.objectContaining({ code: 'witnessPolicyInvalid' }),
    );
  });

  test('a name that is taken, or reserved, though nobody is a member by it', async () => {
    const { key } = await noteKey('z.example/w', 'cosignature', 77);
    const more = (name: string) => `${TWO_LEVELS}witness ${name} ${formatVerifierKey(key)}\n`;
    expect((await parseWitnessPolicy(more('Z'))).witnesses).toHaveLength(5);
    for (const name of ['X1', 'X', 'none'])
      await expect(parseWitnessPolicy(more(name)), name).rejects.toThrow(
        expect.objectContaining({ code: 'witnessPolicyInvalid' }),
      );
  });

  test('a control character in a remark, or more lines than anybody reads', async () => {
    const line = TWO_LEVELS.split('\n').length;
    await expect(parseWitnessPolicy(`${TWO_LEVELS}# x\n`)).resolves.toMatchObject({ quorum: 'both' });
    for (const more of ['# \u0007\n', '# x\n'.repeat(4096)])
      await expect(parseWitnessPolicy(TWO_LEVELS + more)).rejects.toThrow(
        expect.objectContaining({ code: 'witnessPolicyInvalid' }),
      );
    await expect(parseWitnessPolicy(`${TWO_LEVELS}group\n`)).rejects.toThrow(
      expect.objectContaining({ detail: expect.objectContaining({ line }) }),
    );
  });

  test('a key that is none', async () => {
    await expect(parseWitnessPolicy(TWO_LEVELS.replace(logKey, 'x'))).rejects.toThrow(
      expect.objectContaining({ code: 'verifierKeyInvalid' }),
    );
  });
});
