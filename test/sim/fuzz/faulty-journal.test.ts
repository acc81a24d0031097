import { expect, test } from 'vitest';
import type { JobAttempts } from '../../../schemas/attempts.ts';
import type { JournalFault } from '../../../schemas/fuzz-schedule.ts';
import { FaultyJournal } from '../../../sim/fuzz/faulty-journal.ts';
import { Machine } from '../../../sim/fuzz/machine.ts';
import { VirtualClock } from '../../../sim/virtual-clock.ts';

const attempts = (attempt: number): JobAttempts => ({ round: 1, attempt, opened: [], answer: null });

/** Writes attempt 1, then attempt 2, where the fault is. */
async function write(what?: JournalFault['what']) {
  const world = new VirtualClock();
  const machine = new Machine(world);
  const faults = what ? [{ kind: 'journal', of: 0, at: 1, what, downMs: 7 } as const] : [];
  const log: string[] = [];
  const journal = new FaultyJournal({
    ...{ world, seed: 1, index: 0, faults },
    kill: (downMs) => {
      log.push(`killed for ${downMs}`);
      machine.kill();
    },
    befell: (fault) => log.push(fault.what),
  });
  const mounted = journal.mount(machine.start());
  const first = mounted.write('job', attempts(1));
  await world.advance(100);
  await first;
  mounted.write('job', attempts(2)).then(
    () => log.push('written'),
    (error: { code: string }) => log.push(error.code.startsWith('storage') ? 'refused' : error.code),
  );
  await world.advance(100);
  const next = journal.mount(machine.start());
  return { log, attempt: (await next.read('job'))?.attempt, other: await next.read('other') };
}

test('what is written outlives the process', async () => {
  expect(await write()).toEqual({ log: ['written'], attempt: 2, other: undefined });
});

test('what fails is there or not, as the fault says, and whoever was killed hears nothing', async () => {
  expect(await write('fails')).toMatchObject({ log: ['fails', 'refused'], attempt: 1 });
  expect(await write('fails late')).toMatchObject({ log: ['fails late', 'refused'], attempt: 2 });
  expect(await write('killed before')).toMatchObject({ log: ['killed before', 'killed for 7'], attempt: 1 });
  expect(await write('killed after')).toMatchObject({ log: ['killed after', 'killed for 7'], attempt: 2 });
});
