import { expect, test } from 'vitest';
import type { AuditNote } from '../../server/audit-notes.ts';
import { ModelDownloads } from '../../server/model-downloads.ts';
import { atRest } from '../../sim/virtual-clock.ts';

const JOB = 'job-0123456789abcdef';
const model = (round: number) => ({ jobId: JOB, round, model: round.toString(16).padStart(64, '0') });
const member = (number: number) => number.toString(16).padStart(32, '0');

/** Notes are in the log once they are let go. */
function scripted() {
  const noted: AuditNote[] = [];
  const held: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const downloads = new ModelDownloads({
    record: (note) => {
      noted.push(note);
      return new Promise((resolve, reject) => {
        held.push({ resolve, reject });
      });
    },
  });
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
  return { downloads, noted, held, told, letGo };
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
  const { downloads, told, letGo } = scripted();
  const parts = Array.from({ length: 50 }, () => downloads.note(model(1), member(1)));
  await atRest();
  await letGo();
  await Promise.all(parts);
  await Promise.all(Array.from({ length: 50 }, () => downloads.note(model(1), member(1))));
  expect(told()).toEqual([[1, [member(1)]]]);
  const next = [downloads.note(model(2), member(1)), downloads.note(model(1), member(2))];
  await atRest();
  await letGo();
  await Promise.all(next);
  expect(told().slice(1)).toEqual([
    [2, [member(1)]],
    [1, [member(2)]],
  ]);
});

test('a thousand who ask at once have two entries: the second of those who came while the first was written', async () => {
  const { downloads, told, letGo } = scripted();
  const asked = Array.from({ length: 400 }, (_, i) => downloads.note(model(1), member(i)));
  await atRest();
  asked.push(...Array.from({ length: 1000 }, (_, i) => downloads.note(model(1), member(999 - i))));
  await atRest();
  expect(told()).toHaveLength(1);
  await letGo();
  await letGo();
  await Promise.all(asked);
  const all = Array.from({ length: 1000 }, (_, i) => member(i));
  expect(told()).toEqual([
    [1, all.slice(0, 400)],
    [1, all.slice(400)],
  ]);
});

test('where the log cannot be written nothing is fetched, and whoever asks again is told of then', async () => {
  const { downloads, told, held, letGo } = scripted();
  const [first, second] = [downloads.note(model(1), member(1)), downloads.note(model(1), member(1))];
  const both = Promise.all(
    [first, second].map((one) => expect(one).rejects.toMatchObject({ message: 'planted' })),
  );
  await atRest();
  for (const { reject } of held.splice(0)) reject(new Error('planted'));
  await both;
  const again = downloads.note(model(1), member(1));
  await atRest();
  await letGo();
  await again;
  expect(told()).toEqual([
    [1, [member(1)]],
    [1, [member(1)]],
  ]);
});

test('of what was fetched longest ago an entry comes again: memory has an end', async () => {
  const noted: AuditNote[] = [];
  const downloads = new ModelDownloads({ record: async (note) => void noted.push(note) }, 1000);
  await downloads.note(model(1), member(0));
  await Promise.all(Array.from({ length: 1000 }, (_, i) => downloads.note(model(2), member(i))));
  expect(noted).toHaveLength(2);
  await downloads.note(model(2), member(1));
  expect(noted).toHaveLength(2);
  await downloads.note(model(1), member(0));
  expect(noted).toHaveLength(3);
});
