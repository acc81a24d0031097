import { beforeAll, describe, expect, test } from 'vitest';
import { parseVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import { verifyAudit } from '../../../protocol/audit/verify-audit.ts';
import { NO_WITNESSES } from '../../../protocol/audit/verify-head.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { type ExportFiles, exportOf, sourceOf, withFlippedBit } from '../../fixtures/exported-log.ts';

/** With tiles of three levels. */
describe.each([65_535, 65_536, 65_537])('a log of %i entries', (size) => {
  let files: ExportFiles;

  beforeAll(async () => {
    files = await exportOf(Array.from({ length: size }, (_, at) => utf8(`entry ${at}`)));
  });

  async function found(some: ExportFiles) {
    const key = await parseVerifierKey(new TextDecoder().decode(some.get('log.vkey')).trim());
    const { findings } = await verifyAudit(
      sourceOf(some),
      { key, policy: NO_WITNESSES },
      { isTreeOnly: true },
    );
    return findings.map(({ code, leaf }) => (leaf === undefined ? [code] : [code, leaf]));
  }

  test('is what it has signed', async () => {
    expect(await found(files)).toEqual([]);
  });

  test('with a bit flipped in a tile of each level', async () => {
    const inHash = (place: number) => 8 * 32 * place;
    const [middle = ''] = [...files.keys()].filter((path) => path.startsWith('tile/1/000'));
    expect(await found(withFlippedBit(files, middle, inHash(200)))).toContainEqual([
      'tileMismatch',
      200 * 256,
    ]);
    expect(await found(withFlippedBit(files, 'tile/0/100', inHash(3)))).toEqual([
      ['leafMismatch', 100 * 256 + 3],
      ['tileMismatch', 100 * 256],
    ]);
    if (size < 65_536) return;
    expect(await found(withFlippedBit(files, 'tile/2/000.p/1', 5))).toEqual([
      ['tileMismatch', 0],
      ['rootMismatch'],
    ]);
    expect(await found(withFlippedBit(files, middle, inHash(200)))).toEqual([
      ['tileMismatch', 200 * 256],
      ['tileMismatch', 0],
    ]);
  });
});
