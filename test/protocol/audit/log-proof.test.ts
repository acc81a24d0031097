import { describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import { checkLogProof, formatLogProof, parseLogProof } from '../../../protocol/audit/log-proof.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { inclusionProof, leafHash, treeRoot } from '../../../protocol/merkle.ts';
import { noteKey, withFlippedBits } from './notes.ts';

const log = await noteKey('hanse.example/log');
const contents = Array.from({ length: 13 }, (_, i) => utf8(`event ${i}`));
const leaves = await Promise.all(contents.map((content) => leafHash(primitives, content)));
const checkpoint = await signCheckpoint(
  { size: 13, root: await treeRoot(primitives, leaves) },
  log.key,
  log.signer,
);
const proofOf = async (index: number) => ({
  ...{ index, checkpoint },
  hashes: await inclusionProof(primitives, leaves, index),
});

test('each leaf is proved by a file', async () => {
  for (const [index, content] of contents.entries()) {
    const file = formatLogProof(await proofOf(index));
    expect(file.startsWith(`c2sp.org/tlog-proof@v1\nindex ${index}\n`)).toBe(true);
    expect(await checkLogProof(content, parseLogProof(file), log.key)).toMatchObject({ size: 13 });
  }
});

test('the only leaf needs no hash, and extra data are kept', async () => {
  const alone = await signCheckpoint({ size: 1, root: leaves[0] as Uint8Array }, log.key, log.signer);
  const proof = { index: 0, hashes: [], checkpoint: alone, extra: utf8('x') };
  const read = parseLogProof(formatLogProof(proof));
  expect(read).toEqual(proof);
  await expect(checkLogProof(contents[0] as Uint8Array, read, log.key)).resolves.toMatchObject({ size: 1 });
});

interface Hashes {
  readonly hashes: readonly Uint8Array[];
}
const cutting =
  (from: number, to?: number) =>
  (proof: Hashes): object => ({ ...proof, hashes: proof.hashes.slice(from, to) });
const padding =
  (where: 'push' | 'unshift') =>
  (proof: Hashes): object => {
    const hashes = [...proof.hashes];
    hashes[where](new Uint8Array(32));
    return { ...proof, hashes };
  };
const stranger = await noteKey('hanse.example/other');
const other = await signCheckpoint(
  { size: 13, root: await treeRoot(primitives, leaves) },
  stranger.key,
  stranger.signer,
);

describe('not proved is', () => {
  test.each([
    ['other content', (proof: object) => proof, utf8('event 4'), 'proofInvalid'],
    ['another place', (proof: object) => ({ ...proof, index: 4 }), contents[3], 'proofInvalid'],
    ['a place that is none', (proof: object) => ({ ...proof, index: 13 }), contents[3], 'proofInvalid'],
    ['no hashes', (proof: object) => ({ ...proof, hashes: [] }), contents[3], 'proofInvalid'],
    ['a hash too few above', cutting(0, -1), contents[3], 'proofInvalid'],
    ['a hash too few below', cutting(1), contents[3], 'proofInvalid'],
    ['a hash too many above', padding('push'), contents[3], 'proofInvalid'],
    ['a hash too many below', padding('unshift'), contents[3], 'proofInvalid'],
    ['a huge place', (proof: object) => ({ ...proof, index: 2 ** 53 - 1 }), contents[3], 'proofInvalid'],
    [
      'a log of another origin',
      (proof: object) => ({ ...proof, checkpoint: other }),
      contents[3],
      'originUnknown',
    ],
  ] as const)('%s', async (_, change, content, code) => {
    const proof = await proofOf(3);
    await expect(checkLogProof(contents[3] as Uint8Array, proof, log.key)).resolves.toBeTruthy();
    await expect(
      checkLogProof(content as Uint8Array, change(proof) as typeof proof, log.key),
    ).rejects.toThrow(expect.objectContaining({ code }));
  });

  test('anything with a bit changed', async () => {
    const file = formatLogProof(await proofOf(3));
    const content = contents[3] as Uint8Array;
    await expect(checkLogProof(content, parseLogProof(file), log.key)).resolves.toBeTruthy();
    for (const changed of withFlippedBits(file))
      await expect(
        (async () => checkLogProof(content, parseLogProof(changed), log.key))(),
        changed,
      ).rejects.toThrow(
        expect.objectContaining({
          code: expect.stringMatching(
            /logProofMalformed|proofInvalid|noteMalformed|checkpointMalformed|originUnknown|noteUnsigned/,
          ),
        }),
      );
  });
});

test('a proof has as many hashes as the largest tree is high, and no more', () => {
  const of = (count: number) =>
    formatLogProof({ index: 0, checkpoint, hashes: Array(count).fill(new Uint8Array(32)) });
  expect(parseLogProof(of(63)).hashes).toHaveLength(63);
  expect(() => parseLogProof(of(64))).toThrow(expect.objectContaining({ code: 'logProofMalformed' }));
});

test('files of another form are refused', async () => {
  const file = formatLogProof(await proofOf(3));
  const [hash = ''] = file.split('\n').slice(2);
  const changed = [
    file.replace('@v1', '@v2'),
    file.replace('index 3\n', ''),
    file.replace('index 3', 'index 03'),
    file.replace('index 3', 'index -3'),
    file.replace('index 3', 'index 9007199254740992'),
    file.replace('index 3', `index ${'9'.repeat(400)}`),
    file.replace('index 3', 'extra !!\nindex 3'),
    file.replace(hash, hash.slice(4)),
    file.replace(hash, `${hash}\n`.repeat(64).slice(0, -1)),
    file.replace(`${hash}\n`, `${hash}\r\n`),
    '',
    'c2sp.org/tlog-proof@v1',
  ];
  for (const text of changed)
    expect(() => parseLogProof(text), text).toThrow(expect.objectContaining({ code: 'logProofMalformed' }));
});
