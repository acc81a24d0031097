/**
 * The verifier of strangers, `verify_log.py`, which shares no code with ours: it believes what ours believes, and nothing else.
 * Without Python, or its package for Ed25519, there is nothing to try.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../protocol/audit/leaf.ts';
import { utf8 } from '../../protocol/bytes.ts';
import { canonicalJson } from '../../protocol/canonical.ts';
import type { AuditEvent } from '../../schemas/audit-event.ts';
import {
  contentOfFederation,
  entriesOfFederation,
  exportFederation,
  logKeyOfFederation,
  NOTHING,
} from '../fixtures/exported-federation.ts';
import {
  type ExportFiles,
  exportOf,
  withFile,
  withFlippedBit,
  writeExport,
} from '../fixtures/exported-log.ts';
import { TestFederation } from '../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../fixtures/secure-round.ts';
import { noteKey } from '../protocol/audit/notes.ts';

const VERIFIER = fileURLToPath(new URL('verify_log.py', import.meta.url));
const python = (...words: string[]) => spawnSync('python3', [VERIFIER, ...words], { encoding: 'utf8' });
/** 2: asked without a folder, it says how. */
const isThere = python().status === 2;
if (!isThere) console.warn('python3 with the package cryptography is not here: its verifier is not tried');

test('it is short enough to be read', () => {
  expect(readFileSync(VERIFIER, 'utf8').trimEnd().split('\n').length).toBeLessThanOrEqual(250);
});

describe.skipIf(!isThere)('the verifier of strangers (needs python3 and its package cryptography)', () => {
  let root: string;
  let files: ExportFiles;
  let entries: Uint8Array[];
  let content: Uint8Array[];
  let number = 0;
  const witnesses = [2, 3, 4].map((seed) => noteKey(`w${seed}`, 'cosignature', seed));

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'hanse-stranger-'));
    const federation = await TestFederation.open({ participants: SIZE });
    const { jobId } = await beginJob(federation);
    await playRound(federation);
    await playRound(federation, 1);
    entries = await entriesOfFederation(federation);
    content = await contentOfFederation(federation, [jobId]);
    files = await signed(entries);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  const signed = async (some: readonly Uint8Array[]) =>
    exportOf(some, { by: await logKeyOfFederation(), witnesses: await Promise.all(witnesses), content });

  function verify(some: ExportFiles, ...options: string[]) {
    const folder = join(root, String(number));
    number += 1;
    writeExport(folder, some);
    const { status, stdout, stderr } = python(folder, ...options);
    return { status, out: `${stdout}${stderr}` };
  }

  const leafOf = (type: string, nth = 0) =>
    entries.flatMap((entry, at) => (decodeLeaf(entry).type === `hanse.${type}` ? [at] : []))[nth] as number;
  /** Signed by the log all the same. */
  const lying = (lies: ReadonlyMap<number, object>) =>
    signed(
      entries.map((entry, at) => {
        const event: AuditEvent = decodeLeaf(entry);
        return utf8(canonicalJson({ ...event, data: { ...event.data, ...lies.get(at) } }));
      }),
    );

  test('believes a log of ours, and makes its models again', () => {
    const { status, out } = verify(files);
    expect(out).toContain('verified\n');
    expect(out).toContain('2 released, 2 records checked, 2 models made again');
    expect(out).toContain('seen by 3 of 3 witnesses');
    expect(status).toBe(0);
  });

  test('makes models with momentum again, where the state before is there', async () => {
    const federation = await TestFederation.open({ participants: SIZE });
    const strategy = { type: 'fedavgm', serverLearningRate: 1.5, momentum: 0.9 } as const;
    const { jobId } = await beginJob(federation, { strategy });
    await playRound(federation);
    await playRound(federation, 1);
    const some = await exportFederation(federation, [jobId]);
    expect(verify(some).out).toContain('2 released, 2 records checked, 2 models made again');
    const [first] = federation.coordinator.job(jobId).state.history;
    const record = await federation.blobs.read(first?.secure?.record ?? '');
    const { strategyState } = JSON.parse(new TextDecoder().decode(record)).record;
    expect(verify(withFile(some, `content/${strategyState}`, undefined)).out).toContain(
      '2 records checked, 1 models made again',
    );
    const changed = withFlippedBit(some, `content/${strategyState}`, 64 * 8);
    expect(verify(changed).status).toBe(1);
  });

  test.each([0, 1, 255, 256, 257, 600])('believes the tree of a log of %i entries', async (size) => {
    const events = Array.from({ length: size }, (_, at) =>
      utf8(
        canonicalJson({
          id: `numbers/${at}`,
          type: 'a',
          data: [at / 7, -(at ** 9) / 3, 1e21 * at, at * 1e-7],
        }),
      ),
    );
    const some = await exportOf(events);
    expect(verify(some)).toMatchObject({ status: 0 });
    if (size === 0) return;
    const [bundle = ''] = [...some.keys()].filter((path) => path.startsWith('tile/entries')).slice(-1);
    expect(verify(withFlippedBit(some, bundle, 20)).out).toContain(
      `not verified: leaf ${size - (size % 256 || 256)}: `,
    );
  });

  test('misses a note, and no event of which the log has none', async () => {
    const of = (stream: string, places: readonly number[]) =>
      exportOf(places.map((at) => utf8(canonicalJson({ id: `${stream}/${at}`, type: 'a', data: {} }))));
    expect(verify(await of('notes', [1, 2, 3]))).toMatchObject({ status: 0 });
    expect(verify(await of('numbers', [2, 5]))).toMatchObject({ status: 0 });
    for (const [places, leaf] of [
      [[2], 0],
      [[1, 3], 1],
      [[1, 1], 1],
    ] as const)
      expect(verify(await of('notes', places)).out).toContain(`not verified: leaf ${leaf}: `);
  });

  test('names the leaf where a byte was changed', () => {
    const hashes = [...files.keys()].find((path) => path.startsWith('tile/0/')) ?? '';
    for (const leaf of [0, 7, entries.length - 1])
      expect(verify(withFlippedBit(files, hashes, 8 * 32 * leaf + 1)).out).toContain(
        `not verified: leaf ${leaf}: `,
      );
  });

  test('believes nothing that is flipped, cut, padded, gone or linked', async () => {
    for (const [path, bytes] of files) {
      if (path === 'witness-policy') continue;
      const bit = (bytes.length * 8 * 5) / 7;
      expect(verify(withFlippedBit(files, path, Math.floor(bit))), path).toMatchObject({ status: 1 });
    }
    for (const path of ['checkpoint', ...[...files.keys()].filter((one) => one.startsWith('tile'))])
      for (const bytes of [
        undefined,
        files.get(path)?.slice(0, -1),
        Uint8Array.of(...(files.get(path) ?? []), 10),
      ])
        expect(verify(withFile(files, path, bytes)), path).toMatchObject({ status: 1 });
    const folder = join(root, 'linked');
    writeExport(folder, withFile(files, 'checkpoint', undefined));
    writeExport(join(root, 'beside'), files);
    symlinkSync(join(root, 'beside', 'checkpoint'), join(folder, 'checkpoint'));
    expect(python(folder)).toMatchObject({ status: 1 });
  });

  test('asks for the quorum of the policy, and for the pinned key', async () => {
    const note = new TextDecoder().decode(files.get('checkpoint'));
    const lines = note.split('\n');
    const less = (count: number) => utf8([...lines.slice(0, -1 - count), ''].join('\n'));
    expect(verify(withFile(files, 'checkpoint', less(1)))).toMatchObject({ status: 0 });
    expect(verify(withFile(files, 'checkpoint', less(2))).out).toContain('no quorum: 1 of 3');
    const key = new TextDecoder().decode(files.get('log.vkey')).trim();
    expect(verify(files, '--key', key)).toMatchObject({ status: 0 });
    const other = new TextDecoder().decode((await exportOf([])).get('log.vkey')).trim();
    expect(verify(files, '--key', other).out).toContain('of another log');
  });

  test('finds out a coordinator that has signed and logged what is not so', async () => {
    expect(verify(await lying(new Map()))).toMatchObject({ status: 0 });
    const [aggregated, released] = [leafOf('round.aggregated', 1), leafOf('round.released', 1)];
    const model = { model: NOTHING };
    const lie = async (...lies: [number, object][]) => verify(await lying(new Map(lies))).out;
    expect(await lie([released, model])).toContain(`not verified: leaf ${released}: `);
    expect(await lie([aggregated, model], [released, model])).toContain(`not verified: leaf ${aggregated}: `);
    const { sum } = decodeLeaf(entries[leafOf('round.aggregated')] ?? utf8('')).data as { sum: string };
    expect(await lie([aggregated, { sum }])).toContain(`not verified: leaf ${aggregated}: `);
    const swapped = entries.map((entry, at) => (at === released ? utf8(` ${decodeURI('')}`) : entry));
    expect(verify(await signed(swapped)).out).toContain(`not verified: leaf ${released}: `);
    expect(verify(await signed([...entries, entries.at(-1) as Uint8Array])).out).toContain(
      `not verified: leaf ${entries.length}: `,
    );
  });
});
