import { expect, test } from 'vitest';
import { provenLeaves } from '../../../protocol/audit/leaf-proofs.ts';
import { checkLogProof, parseLogProof } from '../../../protocol/audit/log-proof.ts';
import { rootOf } from '../../../protocol/audit/tile-tree.ts';
import { toHex, utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { exportOf, sourceOf, withFlippedBit } from '../../fixtures/exported-log.ts';
import { noteKey } from './notes.ts';

const SIZE = 600;
const entries = Array.from({ length: SIZE }, (_, at) => utf8(canonicalJson({ at })));
const log = await noteKey('hanse.example/log');
const files = await exportOf(entries, { by: log });
const verified = {
  size: SIZE,
  root: toHex(await rootOf(sourceOf(files).tile, SIZE)),
  checkpoint: new TextDecoder().decode(files.get('checkpoint')),
};

test('each entry has a proof that stock tools verify', async () => {
  const asked = [0, 1, 255, 256, 511, 599];
  const proven = provenLeaves(sourceOf(files).tile, verified, [...asked]);
  for await (const { index, bytes, proof } of proven) {
    expect(index).toBe(asked.shift());
    expect(bytes).toEqual(entries[index]);
    await expect(checkLogProof(bytes, parseLogProof(proof), log.key)).resolves.toMatchObject({ size: SIZE });
    await expect(checkLogProof(utf8('{}'), parseLogProof(proof), log.key)).rejects.toThrow(
      expect.objectContaining({ code: 'proofInvalid' }),
    );
  }
  expect(asked).toEqual([]);
});

test('an entry that was changed since it was verified has none', async () => {
  const changed = withFlippedBit(files, 'tile/entries/000', 8 * 5);
  const read = async (index: number) => {
    for await (const { bytes } of provenLeaves(sourceOf(changed).tile, verified, [index])) return bytes;
    return undefined;
  };
  await expect(read(300)).resolves.toEqual(entries[300]);
  await expect(read(0)).rejects.toThrow(expect.objectContaining({ code: 'proofInvalid' }));
});
