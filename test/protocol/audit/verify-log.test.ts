// covers: protocol/audit/findings.ts, protocol/audit/log-source.ts, protocol/audit/verify-head.ts
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCheckpoint, signCheckpoint } from '../../../protocol/audit/checkpoint.ts';
import { encodeBundle } from '../../../protocol/audit/entry-bundle.ts';
import { parseVerifierKey } from '../../../protocol/audit/verifier-key.ts';
import { verifyAudit } from '../../../protocol/audit/verify-audit.ts';
import { parseWitnessPolicy } from '../../../protocol/audit/witness-policy.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { isProblem } from '../../../protocol/problem.ts';
import {
  type ExportFiles,
  exportOf,
  LOG_NAME,
  sourceOf,
  withFile,
  withFlippedBit,
} from '../../fixtures/exported-log.ts';
import { cosigned, noteKey } from './notes.ts';

const text = (files: ExportFiles, path: string) => new TextDecoder().decode(files.get(path));
const entriesOf = (size: number) => Array.from({ length: size }, (_, at) => utf8(`entry ${at}`));
const witnesses = await Promise.all([2, 3, 4].map((seed) => noteKey(`w${seed}`, 'cosignature', seed)));

/** Verified by what stands beside it, as far as that can be read; only the tree unless said. */
async function verified(files: ExportFiles, since?: string) {
  try {
    const trust = {
      key: await parseVerifierKey(text(files, 'log.vkey').replace(/\n$/, '')),
      policy: await parseWitnessPolicy(text(files, 'witness-policy')),
    };
    return await verifyAudit(sourceOf(files), trust, {
      isTreeOnly: true,
      since: since === undefined ? [] : [since],
    });
  } catch (error) {
    if (isProblem(error)) return { verified: false, findings: [{ code: error.code }] };
    throw error;
  }
}

const found = async (files: ExportFiles, since?: string) =>
  (await verified(files, since)).findings.map(({ code, ...finding }) =>
    'leaf' in finding ? [code, finding.leaf] : [code],
  );

describe.each([0, 1, 2, 255, 256, 257, 513])('a log of %i entries', async (size) => {
  const files = await exportOf(entriesOf(size), { witnesses });

  test('is what it has signed', async () => {
    const { root } = parseCheckpoint(text(files, 'checkpoint'));
    await expect(verified(files)).resolves.toEqual({
      ...{ verified: true, origin: LOG_NAME, size, root: Buffer.from(root).toString('hex') },
      witnesses: { cosigned: 3, needed: 2, total: 3 },
      ...{ jobs: [], findings: [] },
    });
  });

  test.skipIf(size === 0)('with a tile gone, cut or padded is refused', async () => {
    for (const [path, bytes] of files) {
      if (!path.startsWith('tile/')) continue;
      for (const other of [undefined, bytes.slice(1), bytes.slice(0, -1), Uint8Array.of(...bytes, 0)])
        await expect(verified(withFile(files, path, other)), path).resolves.toMatchObject({
          verified: false,
        });
    }
  });
});

describe('with any bit flipped', async () => {
  const size = 300;
  const files = await exportOf(entriesOf(size), { witnesses });
  const paths = [...files.keys()];

  test('anywhere, no file is believed, and what is wrong has a name', async () => {
    expect(await found(files)).toEqual([]);
    const place = fc.constantFrom(...paths).chain((path) => {
      const bits = 8 * (files.get(path)?.length ?? 0);
      return fc.tuple(fc.constant(path), fc.nat(bits - 1));
    });
    const codes = new Set<unknown>();
    await fc.assert(
      fc.asyncProperty(place, async ([path, bit]) => {
        const [first] = await found(withFlippedBit(files, path, bit));
        // Names of witnesses that nobody looks up, and who of three may be silent.
        if (path === 'witness-policy' || path === 'checkpoint') return;
        codes.add(first?.[0]);
        expect(first).toBeDefined();
      }),
      { numRuns: 100 },
    );
    for (const code of codes)
      expect([
        'leafMismatch',
        'tileMismatch',
        'tileMalformed',
        'verifierKeyInvalid',
        'rootMismatch',
      ]).toContain(code);
  });

  test('of the checkpoint, where all witnesses are needed', async () => {
    const all = text(files, 'witness-policy').replace('group majority 2', 'group majority all');
    const strict = withFile(files, 'witness-policy', utf8(all));
    expect(await found(strict)).toEqual([]);
    const bits = 8 * (files.get('checkpoint')?.length ?? 0);
    for (let bit = 0; bit < bits; bit += 19) {
      const [[code] = []] = await found(withFlippedBit(strict, 'checkpoint', bit));
      expect([
        'noteMalformed',
        'noteUnsigned',
        'checkpointMalformed',
        'originUnknown',
        'quorumMissing',
      ]).toContain(code);
    }
  });

  test('of an entry or of its hash tells which one', async () => {
    const bundle = 'tile/entries/001.p/44';
    const lengths = entriesOf(size)
      .slice(256)
      .map((entry) => entry.length + 2);
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      // The length of an entry, then the entry.
      for (const byte of [at + 1, at + length - 1])
        expect((await found(withFlippedBit(files, bundle, 8 * byte)))[0]?.[1]).toBe(256 + i);
      at += length;
    }
    for (const leaf of [0, 1, 100, 255]) {
      const changed = withFlippedBit(files, 'tile/0/000', 8 * 32 * leaf + 9);
      expect(await found(changed)).toEqual([
        ['leafMismatch', leaf],
        ['tileMismatch', 0],
      ]);
    }
    expect(await found(withFlippedBit(files, 'tile/0/001.p/44', 32 * 8 * 43))).toEqual([
      ['leafMismatch', 299],
      ['rootMismatch'],
    ]);
    expect(await found(withFlippedBit(files, 'tile/1/000.p/1', 3))).toEqual([
      ['tileMismatch', 0],
      ['rootMismatch'],
    ]);
  });

  test('a wrong line of a witness is told also where there are enough of others', async () => {
    const lines = text(files, 'checkpoint').split('\n');
    const last = lines.at(-2) ?? '';
    const wrong = `${last.slice(0, -6)}${last.at(-6) === 'A' ? 'B' : 'A'}${last.slice(-5)}`;
    const changed = utf8([...lines.slice(0, -2), wrong, ''].join('\n'));
    expect(await found(withFile(files, 'checkpoint', changed))).toEqual([['noteUnsigned']]);
  });
});

test('entries that were changed together with all hashes above them do not lead to the signed root', async () => {
  const files = await exportOf(entriesOf(3));
  const others = await exportOf(entriesOf(3).reverse());
  for (const path of files.keys())
    if (path.startsWith('tile/')) files.set(path, others.get(path) ?? new Uint8Array());
  expect(await found(files)).toEqual([['rootMismatch']]);
});

test('a log that tells other tiles the second time is believed the first', async () => {
  const files = await exportOf(entriesOf(3));
  const forged = await exportOf(entriesOf(3).reverse());
  const asked = new Map<string, number>();
  const key = await parseVerifierKey(text(files, 'log.vkey').replace(/\n$/, ''));
  const policy = await parseWitnessPolicy(text(files, 'witness-policy'));
  const source = {
    ...sourceOf(files),
    tile: async (tile: Parameters<ReturnType<typeof sourceOf>['tile']>[0]) => {
      const name = `${tile.level}/${tile.index}`;
      const times = asked.get(name) ?? 0;
      asked.set(name, times + 1);
      return sourceOf(times === 0 ? forged : files).tile(tile);
    },
  };
  const { findings } = await verifyAudit(source, { key, policy }, { isTreeOnly: true });
  expect(findings).toMatchObject([{ code: 'rootMismatch' }]);
  expect([...asked.values()]).toEqual([1, 1]);
});

test('a bundle with an entry more, or one less, is refused', async () => {
  const files = await exportOf(entriesOf(3));
  const [first, second, third] = entriesOf(3) as [Uint8Array, Uint8Array, Uint8Array];
  const bundle = (...entries: Uint8Array[]) =>
    found(withFile(files, 'tile/entries/000.p/3', encodeBundle(entries)));
  expect(await bundle(first, second, third)).toEqual([]);
  expect(await bundle(first, second)).toEqual([['tileMalformed', 2]]);
  expect(await bundle(first, second, third, third)).toEqual([['tileMalformed', 2]]);
  expect(await bundle(first, third, second)).toEqual([['leafMismatch', 1]]);
});

test('a log of another origin, another key or another policy is none that is meant', async () => {
  const mine = await exportOf(entriesOf(2), { witnesses });
  const other = await exportOf(entriesOf(2), { by: await noteKey(`${LOG_NAME}0`), witnesses });
  const forged = await exportOf(entriesOf(2), { by: await noteKey(LOG_NAME, 'note', 9), witnesses });
  const checkpointOf = (files: ExportFiles) =>
    found(withFile(mine, 'checkpoint', files.get('checkpoint') as Uint8Array));
  expect(await checkpointOf(mine)).toEqual([]);
  expect(await checkpointOf(other)).toEqual([['originUnknown']]);
  expect(await checkpointOf(forged)).toEqual([['noteUnsigned']]);
  const policy = other.get('witness-policy');
  expect(await found(withFile(mine, 'witness-policy', policy))).toEqual([['originUnknown']]);
  // One that names no logs is about any.
  const any = text(mine, 'witness-policy').split('\n').slice(1).join('\n');
  expect(await found(withFile(mine, 'witness-policy', utf8(any)))).toEqual([]);
});

test('a size that nobody has signed, and one that is signed and huge', async () => {
  const files = await exportOf(entriesOf(2));
  const by = await noteKey(LOG_NAME);
  const { root } = parseCheckpoint(text(files, 'checkpoint'));
  const sized = async (size: number) =>
    found(withFile(files, 'checkpoint', utf8(await signCheckpoint({ size, root }, by.key, by.signer))));
  expect(await sized(2)).toEqual([]);
  expect(await sized(0)).toEqual([['rootMismatch']]);
  for (const size of [1, 3, 257, 2 ** 52, Number.MAX_SAFE_INTEGER])
    expect(await sized(size)).toEqual([['tileMalformed', 0]]);
  const unsigned = text(files, 'checkpoint').replace('\n2\n', '\n3\n');
  expect(await found(withFile(files, 'checkpoint', utf8(unsigned)))).toEqual([['noteUnsigned']]);
});

test('a quorum that the policy asks for has to be there', async () => {
  const files = await exportOf(entriesOf(2), { witnesses });
  const [note] = text(files, 'checkpoint').split('— w2');
  const by = async (...some: typeof witnesses) =>
    found(withFile(files, 'checkpoint', utf8(await cosigned(note ?? '', some))));
  expect(await by(...witnesses)).toEqual([]);
  expect(await by(...witnesses.slice(1))).toEqual([]);
  expect(await by(...witnesses.slice(2))).toEqual([['quorumMissing']]);
  expect(await by()).toEqual([['quorumMissing']]);
});

test('a log goes on from the checkpoints that it has signed before, and from no others', async () => {
  const files = await exportOf(entriesOf(300));
  const before = async (size: number, entries = entriesOf(300)) =>
    found(files, text(await exportOf(entries.slice(0, size)), 'checkpoint'));
  for (const size of [0, 1, 2, 255, 256, 257, 299, 300]) expect(await before(size)).toEqual([]);
  const others = entriesOf(300).map((entry, at) => (at === 200 ? utf8('another') : entry));
  expect(await before(200, others)).toEqual([]);
  for (const size of [201, 256, 300]) expect(await before(size, others)).toEqual([['logForked']]);
  expect(await before(301, entriesOf(301))).toEqual([['logForked']]);
  const unsigned = await exportOf(entriesOf(2), { by: await noteKey(LOG_NAME, 'note', 9) });
  expect(await found(files, text(unsigned, 'checkpoint'))).toEqual([['noteUnsigned']]);
});
