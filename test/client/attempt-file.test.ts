import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attemptFile } from '../../client/attempt-file.ts';
import { AttemptJournal } from '../../client/attempt-journal.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hanse-attempts-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const JOB = 'job-0123456789abcdef';
const OTHER = 'job-00000000000000aa';
const HASH = 'ab'.repeat(32);
const spent = (round: number) => ({ round, attempt: 1, opened: [HASH], answer: null });

test('what was written is read by whoever opens the file next, and by its owner alone', async () => {
  const identity = join(folder, 'identity.json');
  const file = attemptFile(identity);
  expect(await file.read(JOB)).toBeUndefined();
  const answered = { ...spent(3), answer: { context: HASH, bytes: 'AQID' } };
  await file.write(JOB, spent(2));
  await file.write(JOB, answered);
  expect(await file.read(JOB)).toEqual(answered);
  const again = attemptFile(identity);
  expect(await again.read(JOB)).toEqual(answered);
  expect(await again.read(OTHER)).toBeUndefined();
  expect((await stat(`${identity}.attempts`)).mode & 0o777).toBe(0o600);
});

test('two jobs that write at the same moment are both kept', async () => {
  const identity = join(folder, 'two.json');
  const file = attemptFile(identity);
  const jobs = Array.from({ length: 8 }, (_, i) => `job-${i.toString(16).padStart(16, '0')}`);
  await Promise.all(
    jobs.flatMap((jobId, i) => [file.write(jobId, spent(1)), file.write(jobId, spent(i + 2))]),
  );
  const again = attemptFile(identity);
  for (const [i, jobId] of jobs.entries()) {
    expect(await file.read(jobId)).toEqual(spent(i + 2));
    expect(await again.read(jobId)).toEqual(spent(i + 2));
  }
});

test('a node that is started again begins no attempt twice', async () => {
  const identity = join(folder, 'node.json');
  const task = {
    type: 'train',
    jobId: JOB,
    manifestSha256: HASH,
    round: 1,
    attempt: 1,
    model: HASH,
  } as const;
  const begin = () =>
    new AttemptJournal(attemptFile(identity)).begin({ ...task, deadline: '2026-01-01T12:00:00.000Z' });
  await expect(begin()).resolves.toBeUndefined();
  await expect(begin()).rejects.toMatchObject({ code: 'attemptSpent' });
});

describe('what was spent is not guessed', () => {
  test.each<[what: string, damage: (text: string) => string]>([
    ['cut', (text) => text.slice(0, -3)],
    ['empty', () => ''],
    ['of another version', (text) => text.replace('"version":1', '"version":2')],
    ['with a round that is none', (text) => text.replace('"round":3', '"round":0')],
    ['of a job that is none', (text) => text.replace(JOB, 'job-0123')],
  ])('from a file that is %s', async (_what, damage) => {
    const identity = join(folder, 'damaged.json');
    const path = `${identity}.attempts`;
    await rm(path, { force: true });
    await attemptFile(identity).write(JOB, spent(3));
    const text = JSON.stringify(JSON.parse(await readFile(path, 'utf8')));
    await writeFile(path, text, { mode: 0o600 });
    await expect(attemptFile(identity).read(JOB)).resolves.toEqual(spent(3));
    expect(damage(text)).not.toBe(text);
    await writeFile(path, damage(text), { mode: 0o600 });
    const damaged = attemptFile(identity);
    await expect(damaged.read(JOB)).rejects.toMatchObject({ code: 'storageCorrupt', detail: { path } });
    // Nor is it written over.
    await expect(damaged.write(JOB, spent(4))).rejects.toMatchObject({ code: 'storageCorrupt' });
    expect(await readFile(path, 'utf8')).toBe(damage(text));
  });

  test('from a file that others may read', async () => {
    const identity = join(folder, 'open.json');
    await attemptFile(identity).write(JOB, spent(3));
    await chmod(`${identity}.attempts`, 0o644);
    await expect(attemptFile(identity).read(JOB)).rejects.toMatchObject({ code: 'storageCorrupt' });
  });
});

test('what cannot be written is told, and not believed; what can be is written after it', async () => {
  const identity = join(folder, 'blocked.json');
  const file = attemptFile(identity);
  await file.write(JOB, spent(1));
  await rm(`${identity}.attempts`);
  // A folder stands where the file would be.
  await mkdir(join(`${identity}.attempts`, 'in the way'), { recursive: true });
  await expect(file.write(JOB, spent(2))).rejects.toMatchObject({ code: 'storageFailed' });
  expect(await file.read(JOB)).toEqual(spent(1));
  await rm(`${identity}.attempts`, { recursive: true });
  await file.write(OTHER, spent(7));
  expect(await attemptFile(identity).read(OTHER)).toEqual(spent(7));
  expect(await attemptFile(identity).read(JOB)).toEqual(spent(1));
});
