import { expect, test } from 'vitest';
import type { AuditNote } from '../../server/audit-notes.ts';
import { ModelDownloads } from '../../server/model-downloads.ts';
import { atRest, VirtualClock } from '../../sim/virtual-clock.ts';

const JOB = 'job-0123456789abcdef';
const model = (round: number) => ({ jobId: JOB, round, model: round.toString(16).padStart(64, '0') });
const member = (number: number) => number.toString(16).padStart(32, '0');

/** Notes are in the log once they are let go. */
function scripted() {
  const noted: AuditNote[] = [];
  const held: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const clock = new VirtualClock();
  const record = (note: AuditNote) => {
    noted.push(note);
    return new Promise<void>((resolve, reject) => {
      held.push({ resolve, reject });
    });
  };
  const downloads = new ModelDownloads({ record }, clock);
  const told = () =>
    noted.map((note) => {
      if (note.type !== 'model.downloaded') throw new Error('another note');
      const { members } = note.hidden ?? {};
      expect(members).toHaveLength(note.data.count);
      return [note.data.round, members];
    });
  const letGo = async () => {
    for (const { resolve } of held.splice(0)) resolve();
    await atRest();
  };
  const pass = (milliseconds: number) => clock.advance(milliseconds);
  return { pass, downloads, noted, held, told, letGo };
}

test('a download waits until the log tells of it', async () => {
  const { downloads, noted, letGo } = scripted();
  let hasGone = false;
  void downloads.note(model(3), member(1)).then(() => {
    hasGone = true;
  });
  await atRest();
  expect(hasGone).toBe(false);
  expect(noted).toEqual([
    {
      type: 'model.downloaded',
      subject: `urn:hanse:model:${model(3).model}`,
      data: {
        ...model(3),
        count: 1,
        prov: { activity: `urn:hanse:download:${JOB}/3`, used: [`urn:hanse:model:${model(3).model}`] },
      },
      hidden: { members: [member(1)] },
    },
  ]);
  await letGo();
  expect(hasGone).toBe(true);
});

test('a member and a model have one entry, however many parts it is fetched in', async () => {
  const { downloads, told, letGo, pass } = scripted();
  const parts = Array.from({ length: 50 }, () => downloads.note(model(1), member(1)));
  await atRest();
  await letGo();
  await Promise.all(parts);
  await Promise.all(Array.from({ length: 50 }, () => downloads.note(model(1), member(1))));
  expect(told()).toEqual([[1, [member(1)]]]);
  const next = [downloads.note(model(2), member(1)), downloads.note(model(1), member(2))];
  await pass(50);
  await letGo();
  await Promise.all(next);
  expect(told().slice(1)).toEqual([
    [2, [member(1)]],
    [1, [member(2)]],
  ]);
});

test('those who ask within 50 ms are told of together, and the first waits for nobody', async () => {
  const { downloads, told, letGo, pass } = scripted();
  const all = Array.from({ length: 1000 }, (_, i) => member(i));
  const asked = [downloads.note(model(1), member(0))];
  await atRest();
  expect(told()).toEqual([[1, [member(0)]]]);
  await letGo();
  for (const one of all.slice(1, 500)) asked.push(downloads.note(model(1), one));
  await pass(49);
  for (const one of all.slice(500).toReversed()) asked.push(downloads.note(model(1), one));
  expect(told()).toHaveLength(1);
  await pass(1);
  await letGo();
  await Promise.all(asked);
  expect(told().slice(1)).toEqual([[1, all.slice(1)]]);
});

test('there are no more entries than twenty a second, however slowly a log is written', async () => {
  const { downloads, told, letGo, pass } = scripted();
  for (let i = 0; i < 999; i += 1) {
    downloads.note(model(1), member(i)).catch(() => {});
    await pass(1);
    if (i % 10 === 0) await letGo();
  }
  expect(told()).toHaveLength(20);
});

test('a clock that was set back makes nobody wait longer', async () => {
  const noted: AuditNote[] = [];
  let now = 1_000_000;
  const schedule = (at: number, work: () => void) => {
    expect(at - now).toBeLessThanOrEqual(50);
    queueMicrotask(work);
    return () => {};
  };
  const record = async (note: AuditNote) => void noted.push(note);
  const downloads = new ModelDownloads({ record }, { now: () => now, schedule });
  for (let i = 0; i < 3; i += 1) {
    await downloads.note(model(1), member(i));
    now -= 100_000;
  }
  expect(noted).toHaveLength(3);
});

test('where the log cannot be written nothing is fetched, and whoever asks again is told of then', async () => {
  const { downloads, told, held, letGo, pass } = scripted();
  const [first, second] = [downloads.note(model(1), member(1)), downloads.note(model(1), member(1))];
  const both = Promise.all(
    [first, second].map((one) => expect(one).rejects.toMatchObject({ message: 'planted' })),
  );
  await atRest();
  for (const { reject } of held.splice(0)) reject(new Error('planted'));
  await both;
  const again = downloads.note(model(1), member(1));
  await pass(50);
  await letGo();
  await again;
  expect(told()).toEqual([
    [1, [member(1)]],
    [1, [member(1)]],
  ]);
});

test('of what was fetched longest ago an entry comes again: memory has an end', async () => {
  const noted: AuditNote[] = [];
  const clock = new VirtualClock();
  const downloads = new ModelDownloads({ record: async (note) => void noted.push(note) }, clock, 1000);
  const note = async (round: number, numbers: readonly number[]) => {
    const asked = numbers.map((number) => downloads.note(model(round), member(number)));
    await clock.advance(50);
    await Promise.all(asked);
    return noted.length;
  };
  expect(await note(1, [0])).toBe(1);
  expect(
    await note(
      2,
      Array.from({ length: 1000 }, (_, i) => i),
    ),
  ).toBe(2);
  expect(await note(2, [1])).toBe(2);
  expect(await note(1, [0])).toBe(3);
});
