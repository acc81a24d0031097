// covers: protocol/audit/pack-job.ts, protocol/audit/pack-rounds.ts, protocol/audit/job-manifest.ts, protocol/audit/job-epsilon.ts, schemas/evidence-pack.ts
import { beforeAll, expect, test } from 'vitest';
import { jobEpsilon } from '../../../protocol/audit/job-epsilon.ts';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { packJob } from '../../../protocol/audit/pack-job.ts';
import { packedOrganisations, packedRounds } from '../../../protocol/audit/pack-rounds.ts';
import { verifyPack } from '../../../protocol/audit/verify-pack.ts';
import { fromBase64, toBase64, utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { parse } from '../../../protocol/parse.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import { EvidencePack, type PackedEntry } from '../../../schemas/evidence-pack.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import { exportFederation } from '../../fixtures/exported-federation.ts';
import { type ExportFiles, sourceOf } from '../../fixtures/exported-log.ts';
import { TestFederation } from '../../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';

let files: ExportFiles;
let pack: EvidencePack;
let jobId: string;
let manifest: JobManifest;

const text = (name: string) => new TextDecoder().decode(files.get(name));
const source = () => ({
  ...sourceOf(files),
  verifierKey: async () => text('log.vkey').trim(),
  policy: async () => text('witness-policy'),
  manifest: async (id: string) => (id === jobId ? utf8(canonicalJson(manifest)) : undefined),
});

beforeAll(async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  ({ jobId } = await beginJob(federation));
  await playRound(federation);
  ({ manifest } = federation.coordinator.job(jobId).state);
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

test('a pack has the entries of its job and of who was admitted, all of which are proved', async () => {
  expect(parse(EvidencePack, structuredClone(pack), 'pack')).toEqual(pack);
  const events = pack.entries.map((entry) => decodeLeaf(bytesOf(entry)));
  expect(events[0]?.type).toBe('hanse.federation.created');
  const others = events.filter(({ data }) => (data as { jobId?: string }).jobId !== jobId);
  expect(new Set(others.map(({ type }) => type))).toEqual(
    new Set(['hanse.federation.created', 'hanse.member.enrolled']),
  );
  expect(others.length).toBeLessThan(events.length);
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
  expect(await foundIn({ ...pack, checkpoint: signed })).toEqual([
    ...every('noteUnsigned').slice(0, 100),
    ['hashMismatch'],
  ]);
  expect((await foundIn({ ...pack, key: pack.key.replace('hanse', 'other') }))[0]).toEqual([
    'verifierKeyInvalid',
  ]);
  expect((await foundIn({ ...pack, policy: 'quorum nobody\n' }))[0]).toEqual(['witnessPolicyInvalid']);
});

test('its manifest is the one of which the log has the hash; where there is none, it is not missed', async () => {
  expect((await verifyPack(pack)).manifest).toEqual(manifest);
  expect(await verifyPack({ ...pack, manifest: null })).toMatchObject({
    verified: true,
    manifest: undefined,
  });
  const other = (change: object) => toBase64(utf8(canonicalJson({ ...manifest, ...change })));
  expect(other({})).toBe(pack.manifest);
  for (const wrong of [other({ rounds: 99 }), '', 'AAAA'])
    expect(await foundIn({ ...pack, manifest: wrong })).toEqual([['hashMismatch']]);
  // It is that of no entry that is proved.
  const at = pack.entries.findIndex((entry) => decodeLeaf(bytesOf(entry)).type === 'hanse.job.created');
  const unproved = withEntry(at, () => ({ proof: [] }));
  expect(await foundIn(unproved)).toEqual([['proofInvalid', pack.entries[at]?.index], ['hashMismatch']]);
});

/** Of an attempt, as an entry says it. */
const said = (type: string, data: object, second = 0): AuditEvent => ({
  ...{ specversion: '1.0', id: 'x/1', source: 'urn:hanse:coordinator:', datacontenttype: 'application/json' },
  ...{ type: `hanse.${type}`, time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`, data },
});

test('what entries say of rounds is counted for each attempt', () => {
  const of = (attempt: number) => ({ jobId: 'j', round: 1, attempt });
  const events = [
    said('round.opened', { ...of(1), size: 3 }),
    said('round.consented', of(1)),
    said('round.updateAccepted', { ...of(1), bytes: 7 }, 1),
    said('round.secretsOpened', { ...of(1), answers: 2, faulty: 0 }, 2),
    said('round.failed', { ...of(1), code: 'tooFew' }, 4),
    said('round.updateAccepted', { ...of(9), bytes: 1000 }),
    said('round.opened', { ...of(2), size: 3 }, 10),
    said('round.declined', { ...of(2), code: 'busy' }, 11),
    said('round.updateAccepted', { ...of(2), bytes: 7 }, 12),
    said('round.updateAccepted', { ...of(2), bytes: 5 }, 12),
    said('round.aggregated', { ...of(2), record: 'r', updates: 2 }, 13),
    said('round.evaluated', { ...of(2), metrics: { accuracy: 0.5 } }, 14),
    said('round.released', { ...of(2), model: 'm' }, 15),
    said('round.opened', { ...of(3), size: 3 }, 20),
  ];
  expect(packedRounds(events)).toMatchObject([
    {
      attempt: 1,
      cohort: 3,
      consented: 1,
      updates: 1,
      bytes: 7,
      isOpened: true,
      openedSoFar: 1,
      seconds: 4,
      failed: 'tooFew',
      isSecure: false,
    },
    {
      attempt: 2,
      declined: 1,
      updates: 2,
      bytes: 12,
      isOpened: true,
      openedSoFar: 2,
      seconds: 5,
      released: 'm',
      accuracy: 0.5,
      isSecure: true,
    },
    { attempt: 3, updates: 0, isOpened: false, openedSoFar: 2, seconds: undefined, released: undefined },
  ]);
});

test('organisations have the participants that were admitted, and those that were revoked', () => {
  const member = (nodeId: string, organisationId: string, role = 'participant') => ({
    nodeId,
    organisationId,
    role,
  });
  const events = [
    said('member.enrolled', member('1', 'a')),
    said('member.enrolled', member('2', 'a')),
    said('member.enrolled', member('3', 'a', 'operator')),
    said('member.requested', member('4', 'b')),
    said('member.requested', member('5', 'b')),
    said('member.approved', { nodeId: '4' }),
    said('member.revoked', { nodeId: '2' }),
  ];
  const a = { organisationId: 'a', participants: 2, revoked: 1 };
  expect(packedOrganisations(events)).toEqual([a, { organisationId: 'b', participants: 1, revoked: 0 }]);
  const revoked = said('organisation.revoked', { organisationId: 'a' });
  expect(packedOrganisations([...events, revoked])[0]).toEqual({ ...a, revoked: 2 });
});

test('a job that promises nothing spends nothing', () => {
  expect(jobEpsilon(manifest)).toBeUndefined();
});

test('a job of which the log has nothing has no pack', async () => {
  await expect(packJob(source(), 'job-0000000000000000')).rejects.toMatchObject({ code: 'jobUnknown' });
});
