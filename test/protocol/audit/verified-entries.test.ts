import { beforeAll, expect, test } from 'vitest';
import {
  type ReadOptions,
  readVerified,
  type VerifiedEntry,
} from '../../../protocol/audit/verified-entries.ts';
import { NO_WITNESSES } from '../../../protocol/audit/verify-head.ts';
import { majorityPolicy } from '../../../protocol/audit/witness-policy.ts';
import { type ExportFiles, sourceOf, withFile, withFlippedBit } from '../../fixtures/exported-log.ts';
import { jobId, LOG_OF_PLANTED, nodeId, PlantedEntries } from '../../fixtures/planted-entries.ts';
import { noteKey } from './notes.ts';

let planted: PlantedEntries;
let files: ExportFiles;

beforeAll(async () => {
  planted = new PlantedEntries();
  planted.member('a', 'clinic-a');
  const job = planted.job('triage', 'a');
  planted.round(job, 1, ['a']);
  files = await planted.files();
});

async function read(some: ExportFiles, options?: ReadOptions, policy = NO_WITNESSES) {
  const { key } = await noteKey(LOG_OF_PLANTED);
  const text = new TextDecoder().decode(some.get('salts.jsonl'));
  const lines = text.split('\n').filter((line) => line !== '');
  async function* salts() {
    for (const line of lines) yield JSON.parse(line);
  }
  const entries: VerifiedEntry[] = [];
  const source = { ...sourceOf(some), ...(lines.length > 0 && { salts }) };
  const log = await readVerified(source, { key, policy }, (entry) => entries.push(entry), options);
  return { log, entries };
}

const problem = (code: string, detail?: object) =>
  expect.objectContaining({ code, ...(detail && { detail: expect.objectContaining(detail) }) });

test('gives every entry in order, with what its salts open, and what the answers rest on', async () => {
  const { log, entries } = await read(files);
  expect(entries).toEqual(planted.entries);
  expect(entries.find(({ type }) => type === 'round.updateAccepted')?.opened).toEqual(
    new Map([['/data/node', nodeId('a')]]),
  );
  expect(log).toMatchObject({ origin: LOG_OF_PLANTED, size: planted.entries.length, cosigners: [] });
  expect(log.root).toMatch(/^[0-9a-f]{64}$/);
});

test('without salts nothing is opened', async () => {
  const { entries } = await read(withFile(files, 'salts.jsonl', undefined));
  expect(entries.every(({ opened }) => opened.size === 0)).toBe(true);
  expect(entries.length).toBe(planted.entries.length);
});

test('refuses a log of which one bit was changed, wherever it is', async () => {
  await expect(read(files)).resolves.toBeDefined();
  for (const [path, bytes] of files) {
    if (path === 'log.vkey' || path === 'witness-policy') continue;
    const bit = 8 * Math.floor(bytes.length / 2) + 1;
    await expect(read(withFlippedBit(files, path, bit)), path).rejects.toThrow(problem('logUnverified'));
  }
});

test('tells of the first finding, and how many there are', async () => {
  const [path = ''] = [...files.keys()].filter((name) => name.startsWith('tile/entries'));
  const changed = withFlippedBit(files, path, 8 * 40);
  await expect(read(changed)).rejects.toThrow(
    problem('logUnverified', { findings: 1, code: 'leafMismatch', leaf: 0 }),
  );
});

test('refuses entries that contradict each other, though they are signed', async () => {
  const contradicting = new PlantedEntries();
  contradicting.job('triage', 'a');
  contradicting.add('round.released', {
    jobId: jobId('triage'),
    round: 1,
    attempt: 1,
    model: '0'.repeat(64),
  });
  await expect(read(await contradicting.files())).rejects.toThrow(
    problem('logUnverified', { code: 'leafContradicts', leaf: 2 }),
  );
});

test('refuses a log that too few have cosigned, and one of another key', async () => {
  const { key } = await noteKey(LOG_OF_PLANTED);
  const witness = await noteKey('clinic-a/w', 'cosignature', 8);
  const policy = majorityPolicy(key, [{ name: 'w0', key: witness.key }]);
  await expect(read(files, {}, policy)).rejects.toThrow(problem('logUnverified', { code: 'quorumMissing' }));
  const other = await noteKey(LOG_OF_PLANTED, 'note', 9);
  await expect(
    readVerified(sourceOf(files), { key: other.key, policy: NO_WITNESSES }, () => {}),
  ).rejects.toThrow(problem('logUnverified', { code: 'noteUnsigned' }));
});

test('ends when it is asked to', async () => {
  const stop = new AbortController();
  const options = { progress: () => stop.abort(), signal: stop.signal };
  await expect(read(files, options)).rejects.toThrow(problem('interrupted'));
});
