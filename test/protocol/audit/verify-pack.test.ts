// covers: protocol/audit/pack-job.ts, schemas/evidence-pack.ts
import { beforeAll, expect, test } from 'vitest';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { packJob } from '../../../protocol/audit/pack-job.ts';
import { verifyPack } from '../../../protocol/audit/verify-pack.ts';
import { fromBase64, toBase64 } from '../../../protocol/bytes.ts';
import { parse } from '../../../protocol/parse.ts';
import { EvidencePack, type PackedEntry } from '../../../schemas/evidence-pack.ts';
import { exportFederation } from '../../fixtures/exported-federation.ts';
import { type ExportFiles, sourceOf } from '../../fixtures/exported-log.ts';
import { TestFederation } from '../../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';

let files: ExportFiles;
let pack: EvidencePack;
let jobId: string;

const text = (name: string) => new TextDecoder().decode(files.get(name));
const source = () => ({
  ...sourceOf(files),
  verifierKey: async () => text('log.vkey').trim(),
  policy: async () => text('witness-policy'),
});

beforeAll(async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  ({ jobId } = await beginJob(federation));
  await playRound(federation);
  await federation.createJob({ cohort: { size: SIZE, minimum: 2 } });
  files = await exportFederation(federation, [jobId]);
  pack = await packJob(source(), jobId);
});

const bytesOf = ({ bytes }: PackedEntry) => fromBase64(bytes) as Uint8Array;
const withEntry = (at: number, change: (entry: PackedEntry) => Partial<PackedEntry>): EvidencePack => ({
  ...pack,
  entries: pack.entries.map((entry, i) => (i === at ? { ...entry, ...change(entry) } : entry)),
});
const flipped = (base64: string, at = 0) => {
  const bytes = Uint8Array.from(fromBase64(base64) as Uint8Array);
  bytes[at] = (bytes[at] as number) ^ 1;
  return toBase64(bytes);
};
const foundIn = async (some: EvidencePack) => {
  const { verified, findings } = await verifyPack(some);
  expect(verified).toBe(findings.length === 0);
  return findings.map(({ code, leaf }) => (leaf === undefined ? [code] : [code, leaf]));
};

test('a pack has the entries of its job and the one that founds the federation, all of which are proved', async () => {
  expect(parse(EvidencePack, structuredClone(pack), 'pack')).toEqual(pack);
  const events = pack.entries.map((entry) => decodeLeaf(bytesOf(entry)));
  expect(events[0]?.type).toBe('hanse.federation.created');
  expect(events.slice(1).every(({ data }) => (data as { jobId?: string }).jobId === jobId)).toBe(true);
  expect(events.map(({ type }) => type)).toContain('hanse.round.released');
  const verdict = await verifyPack(pack);
  expect(verdict).toMatchObject({
    verified: true,
    findings: [],
    witnesses: { cosigned: 0, needed: 0, total: 0 },
  });
  expect(verdict.entries).toEqual(
    pack.entries.map(({ index }, at) => ({ index, event: events[at], isProved: true })),
  );
});

test('whatever of an entry is changed, it is named', async () => {
  const at = 3;
  const { index, proof } = pack.entries[at] as PackedEntry;
  expect(await foundIn(pack)).toEqual([]);
  const changes: ((entry: PackedEntry) => Partial<PackedEntry>)[] = [
    ({ bytes }) => ({ bytes: flipped(bytes, 30) }),
    () => ({ proof: proof.map((hash, i) => (i === 1 ? flipped(hash) : hash)) }),
    () => ({ proof: proof.slice(1) }),
    () => ({ proof: [...proof, ...proof.slice(0, 1)] }),
    () => ({ proof: [] }),
    () => ({ proof: proof.map((hash, i) => (i === 0 ? hash.slice(0, 8) : hash)) }),
  ];
  for (const change of changes)
    expect(await foundIn(withEntry(at, change))).toContainEqual(['proofInvalid', index]);
  const moved = pack.entries[at + 1]?.index ?? 0;
  expect(await foundIn(withEntry(at, () => ({ index: moved })))).toContainEqual(['proofInvalid', moved]);
});

test('an entry that is shown twice, or out of order, is', async () => {
  const [first, second, third, ...rest] = pack.entries as [PackedEntry, PackedEntry, PackedEntry];
  expect(await foundIn({ ...pack, entries: [first, first, second, third, ...rest] })).toEqual([
    ['leafContradicts', first.index],
  ]);
  expect(await foundIn({ ...pack, entries: [first, third, second, ...rest] })).toEqual([
    ['leafContradicts', second.index],
  ]);
});

test('another checkpoint, key or policy verifies nothing', async () => {
  const every = (code: string) => [[code], ...pack.entries.map(({ index }) => ['proofInvalid', index])];
  const signed = pack.checkpoint.replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) + 1}\n`);
  expect(signed).not.toBe(pack.checkpoint);
  expect(await foundIn({ ...pack, checkpoint: signed })).toEqual(every('noteUnsigned').slice(0, 100));
  expect((await foundIn({ ...pack, key: pack.key.replace('hanse', 'other') }))[0]).toEqual([
    'verifierKeyInvalid',
  ]);
  expect((await foundIn({ ...pack, policy: 'quorum nobody\n' }))[0]).toEqual(['witnessPolicyInvalid']);
});

test('a job of which the log has nothing has no pack', async () => {
  await expect(packJob(source(), 'job-0000000000000000')).rejects.toMatchObject({ code: 'jobUnknown' });
});
