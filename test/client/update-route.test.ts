import { beforeAll, expect, test } from 'vitest';
import { routeFor, type Travelling } from '../../client/update-route.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { TrainTask } from '../../schemas/task.ts';
import { INITIAL_MODEL, INITIAL_VALUES, manifestOf } from '../fixtures/manifest.ts';
import { type Script, scriptedCoordinator } from '../fixtures/scripted-coordinator.ts';
import { type SmallAttempt, smallAttempt } from '../fixtures/small-attempt.ts';

let attempt: SmallAttempt;
beforeAll(async () => {
  attempt = await smallAttempt();
});

const plainManifest = manifestOf('fed-0123456789abcdef');
const task = (secure?: TrainTask['secure']): TrainTask => ({
  type: 'train',
  jobId: 'job-0123456789abcdef',
  manifestSha256: '0'.repeat(64),
  round: 1,
  attempt: 1,
  model: plainManifest.initialModel,
  deadline: '2026-01-01T12:00:00.000Z',
  ...(secure && { secure }),
});
const travelling = (changes: Partial<Travelling> = {}, script: Script = {}): Travelling => ({
  manifest: plainManifest,
  api: scriptedCoordinator(script),
  signal: new AbortController().signal,
  ...changes,
});
const party = {} as NonNullable<Travelling['party']>;

test('what the coordinator asks for and what the job says have to agree', () => {
  const { manifest, descriptor } = attempt;
  expect(() => routeFor(task(), travelling())).not.toThrow();
  expect(() => routeFor(task(descriptor), travelling({ manifest, party }))).not.toThrow();
  const refused = (expected: string, got: string) =>
    expect.objectContaining({ code: 'descriptorInvalid', detail: { field: 'aggregation', expected, got } });
  // A plain upload of a secure job is what a coordinator might ask for that wants to see an update.
  expect(() => routeFor(task(), travelling({ manifest, party }))).toThrow(refused('secure', 'plain'));
  expect(() => routeFor(task(descriptor), travelling({ party }))).toThrow(refused('plain', 'secure'));
});

test('a node without a key for secure rounds takes part in none', () => {
  const { manifest, descriptor } = attempt;
  expect(() => routeFor(task(descriptor), travelling({ manifest }))).toThrow(
    expect.objectContaining({ code: 'descriptorInvalid' }),
  );
  expect(() => routeFor(task(descriptor), travelling({ manifest, party }))).not.toThrow();
});

test('a plain update leaves as it is, with nothing begun before', async () => {
  const receipt = { sha256: 'ab'.repeat(32), bytes: 3 } as never;
  const sent: unknown[] = [];
  const contributor = travelling(
    {},
    {
      getBlob: () => INITIAL_MODEL,
      putUpdate: ({ body }) => {
        sent.push(body);
        return receipt;
      },
    },
  );
  const route = routeFor(task(), contributor);
  expect([...(await route.model())]).toEqual([...INITIAL_VALUES]);
  const ready = await route.begin();
  const update = Uint8Array.of(1, 2, 3);
  await ready.mask(update, new Int32Array(5));
  expect(await ready.deliver(update)).toEqual({ receipt });
  expect(sent).toEqual([Uint8Array.of(1, 2, 3)]);
  expect(ready.failed.aborted).toBe(false);
  route.end();
});

test('a plain update that is refused is told as what it is', async () => {
  const api = { putUpdate: () => Promise.reject(new HanseError('messageLate', { phase: 'collecting' })) };
  const ready = await routeFor(task(), travelling({}, api)).begin();
  await expect(ready.deliver(Uint8Array.of(1))).rejects.toMatchObject({ code: 'messageLate' });
});
