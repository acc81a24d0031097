// covers: client/round-audit.ts, client/commands/round-report.ts, protocol/past-rounds.ts, schemas/verified-round.ts
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primitives } from '#primitives';
import { describeRoundReport, type RoundReport, reportRound } from '../../../client/commands/round-report.ts';
import type { CoordinatorApi } from '../../../client/coordinator-api.ts';
import { type Identity, writeIdentity } from '../../../client/identity.ts';
import { auditRecord, checkModelChain, fetchJob } from '../../../client/round-audit.ts';
import { toHex } from '../../../protocol/bytes.ts';
import { canonicalSha256 } from '../../../protocol/canonical.ts';
import { attemptOfRound } from '../../../protocol/past-rounds.ts';
import type { RouteName } from '../../../protocol/routes.ts';
import { signRecord } from '../../../protocol/secagg/record.ts';
import { Secret } from '../../../protocol/secret.ts';
import type { JobStatus, RoundSummary } from '../../../schemas/job.ts';
import type { SignedRecord } from '../../../schemas/secagg.ts';
import { inProcessCoordinator } from '../../../sim/in-process-coordinator.ts';
import { hanse } from '../../fixtures/command-line.ts';
import { nodeOf } from '../../fixtures/federation.ts';
import { type ListeningApp, listeningApp } from '../../fixtures/listening-app.ts';
import { beginJob, failAttempt, playRound, SIZE } from '../../fixtures/secure-round.ts';

const coordinator = await nodeOf('coordinator', 'operator');

let running: ListeningApp;
let folder: string;
let as: string[];
let jobId: string;
let plainId: string;
let dropped: string;

/** Two rounds, the first at the second attempt; and a plain job of one. */
beforeAll(async () => {
  running = await listeningApp({ participants: SIZE });
  const { federation, server } = running;
  await federation.clock.advance(Date.now() - federation.clock.now()); // requests are signed by the clock of the machine
  ({ jobId } = await beginJob(federation, { rounds: 3 }));
  await failAttempt(federation);
  dropped = (await playRound(federation, 2))[2]?.node.nodeId ?? '';
  await playRound(federation);
  const { operator } = federation;
  const identity: Identity = {
    server,
    federationId: federation.coordinator.federation.id,
    coordinatorKey: toHex(coordinator.signer.publicKey),
    nodeId: operator.nodeId,
    organisationId: 'operator',
    role: 'operator',
    name: 'operator',
    seed: new Secret(await primitives.sha256(new TextEncoder().encode('operator'))),
  };
  folder = await mkdtemp(join(tmpdir(), 'hanse-round-'));
  const file = join(folder, 'operator.json');
  await writeIdentity(file, identity);
  as = ['--identity', file];
  ({ jobId: plainId } = await federation.createJob({ cohort: { size: SIZE, minimum: 2 } }));
  await federation.appear();
  for (const node of federation.participants) {
    const task = federation.tasksOf(node).find((task) => task.jobId === plainId);
    const params = { jobId: plainId, round: '1', attempt: '1' };
    if (task) await federation.call('putUpdate', node, { params, body: federation.updateOf(node, 1) });
  }
  await federation.appear();
});

afterAll(async () => {
  await running.close();
  await rm(folder, { recursive: true });
});

test('a secure round is shown with its members, phases, bytes, and what the coordinator could see', async () => {
  const { out, exitCode } = await hanse(['round', 'show', jobId, '1', ...as]);
  expect(exitCode).toBe(0);
  expect(out).toContain(`${jobId}  round 1, attempt 2 of 2: released, secure aggregation\n`);
  expect(out).toContain('  suite        1, threshold 4: answers of 4 open the sum, fewer open nothing\n');
  expect(out).toContain(
    '  roster       U1: keys of 5\n  delivered    U2: shares of 5\n  survivors    U3: updates of 4\n',
  );
  expect(out).toContain(`${dropped}  dropped out before its update  hansa\n`);
  expect(out.match(/ {2}in the sum {3}/g)).toHaveLength(4);
  expect(out).toContain('  declined     1 with taskAnswered\n');
  expect(out).toMatch(/ {2}bytes {8}shares [1-9]\d*, updates [1-9]\d*, answers [1-9]\d*\n/);
  for (const phase of ['advertising', 'sharing', 'collecting', 'consenting', 'unmasking', 'aggregating'])
    expect(out).toMatch(new RegExp(`  ${phase} +0\\.00 s\n`)); // the clock of the coordinator stands still
  expect(out).toContain('signed by the coordinator, sound\n');
  expect(out).toContain(
    'The coordinator could see\n  - the sum of 4 updates, and the model that follows from it\n',
  );
  expect(out).toContain('any single update, unless at least 3 of the 5 in the roster work with it\n');

  const { json } = await hanse(['round', 'show', jobId, '1', '--json', ...as]);
  const report = json as RoundReport;
  expect(report).toMatchObject({ jobId, aggregation: 'secure', attempts: 2, recordChecked: true });
  expect(report.members?.filter(({ lastSent }) => lastSent === 'update')).toHaveLength(4);
  expect(report.members?.find(({ nodeId }) => nodeId === dropped)).toEqual({
    nodeId: dropped,
    organisationId: 'hansa',
    lastSent: 'shares',
  });
});

test('an attempt that came to nothing has no record; of the coordinator is told that it opened nothing', async () => {
  const { out } = await hanse(['round', 'show', jobId, '1', '--attempt', '1', ...as]);
  expect(out).toContain(`${jobId}  round 1, attempt 1 of 2: aborted, cohortTooSmall, secure aggregation\n`);
  expect(out).not.toContain('record');
  expect(out).toContain('the sum of round 1: the attempt ended before it was opened\n');
  const { json } = await hanse(['round', 'show', jobId, '1', '--attempt', '1', '--json', ...as]);
  expect(json).toMatchObject({ members: null, recordChecked: false, summary: { attempt: 1 } });
});

test('of a plain round is told that the coordinator saw each update', async () => {
  const { out } = await hanse(['round', 'show', plainId, '1', ...as]);
  expect(out).toContain('plain aggregation\n');
  expect(out).toContain(`updates      ${SIZE} of ${SIZE} nodes asked\n`);
  expect(out).toContain(`each of the ${SIZE} updates, and whose it is`);
});

test('nothing is said to have been seen of a plain round without updates, nor of three more than two of them can undo', async () => {
  const statusOf = async (id: string) =>
    (await hanse(['job', 'show', id, '--json', ...as])).json as JobStatus;
  const plain = await statusOf(plainId);
  const [round] = plain.rounds as [RoundSummary];
  const seen = (updates: number) =>
    reportRound(plain, { ...round, updates }, undefined, new Map()).coordinatorSaw[0];
  expect(seen(2)).toContain('each of the 2 updates');
  expect(seen(0)).toBe('no update: none came');

  const secure = await statusOf(jobId);
  const released = attemptOfRound(secure.rounds, 1) as RoundSummary;
  const three = { ...released, updates: 3, secure: { ...released.secure, roster: 3, threshold: 3 } };
  const report = reportRound(secure, three as RoundSummary, undefined, new Map());
  expect(report.coordinatorDidNotSee[0]).toBe(
    'any single update, unless at least 2 of the 3 in the roster work with it',
  );
});

test('a round under way is told as such, and one that has not been is unknown', async () => {
  const { json } = await hanse(['round', 'show', jobId, '3', '--json', ...as]);
  expect(json).toMatchObject({ jobId, round: 3, attempt: 1, phase: 'advertising', received: 0 });
  for (const words of [['4'], ['3', '--attempt', '2'], ['1', '--attempt', '3']])
    await expect(hanse(['round', 'show', jobId, ...words, '--json', ...as])).resolves.toMatchObject({
      exitCode: 1,
      json: { problem: { code: 'roundUnknown' } },
    });
  await expect(hanse(['round', 'show', jobId, '0', ...as])).resolves.toMatchObject({ exitCode: 2 });
});

test('a round is verified as far as that goes without its updates, and that is said', async () => {
  const { out, exitCode } = await hanse(['round', 'verify', jobId, '2', ...as]);
  expect(exitCode).toBe(0);
  expect(out).toContain(`${jobId}  round 2, attempt 1: the record is sound\n`);
  expect(out).toContain('the sum was not made again');
  await expect(hanse(['round', 'verify', jobId, '1', '--json', ...as])).resolves.toMatchObject({
    json: { jobId, round: 1, attempt: 2, survivors: 4, recomputed: false, chainFrom: 1 },
  });
  await expect(hanse(['round', 'verify', jobId, '3', '--json', ...as])).resolves.toMatchObject({
    json: { problem: { code: 'roundUnknown' } },
  });
  await expect(hanse(['round', 'verify', plainId, '1', '--json', ...as])).resolves.toMatchObject({
    exitCode: 1,
    json: { problem: { code: 'roundPlain', detail: expect.stringContaining(plainId) } },
  });
});

describe('a coordinator that lies', () => {
  /** Answers of the true one, some replaced. */
  function lying(replaced: Partial<Record<RouteName, (answer: never) => unknown>>): CoordinatorApi {
    const { federation } = running;
    const { nodeId } = federation.operator;
    const api = inProcessCoordinator(federation.handlers, federation.coordinator, nodeId);
    return {
      async call(name, request, options) {
        const answer = await api.call(name, request, options);
        return (replaced[name]?.(answer as never) ?? answer) as never;
      },
    };
  }

  const pinnedOf = () => ({
    federationId: running.federation.coordinator.federation.id,
    coordinatorKey: toHex(coordinator.signer.publicKey),
  });

  async function audited(api: CoordinatorApi, round: number): Promise<void> {
    const job = await fetchJob(api, jobId);
    const summary = attemptOfRound(job.rounds, round) as RoundSummary;
    await auditRecord(api, pinnedOf(), job, summary);
    await checkModelChain(api, pinnedOf(), job, round);
  }

  /** This record in the place of that of the second round, where the job names records too. */
  async function withRecord(
    signed: SignedRecord,
    summary: Partial<RoundSummary> = {},
  ): Promise<CoordinatorApi> {
    const sha256 = await canonicalSha256(signed);
    const { sum, nextModel: model } = signed.record;
    return lying({
      getRecord: (answer: SignedRecord) =>
        answer.record.descriptor.descriptor.round === 2 ? signed : answer,
      getJob: (job: JobStatus) => ({
        ...job,
        rounds: job.rounds.map((round) =>
          round.round === 2
            ? { ...round, model, secure: { ...round.secure, record: sha256, sum }, ...summary }
            : round,
        ),
      }),
    } as never);
  }

  const recordOf = (round: number) =>
    lying({}).call('getRecord', { params: { jobId, round: String(round) } });

  test('and one that does not is believed', async () => {
    await expect(audited(lying({}), 2)).resolves.toBeUndefined();
    await expect(audited(await withRecord(await recordOf(2)), 2)).resolves.toBeUndefined();
  });

  test('about the manifest, or about which record it is', async () => {
    const other = (job: JobStatus) => ({ ...job, manifest: { ...job.manifest, rounds: 9 } });
    await expect(audited(lying({ getJob: other }), 2)).rejects.toMatchObject({ code: 'hashMismatch' });
    const first = await recordOf(1);
    await expect(audited(lying({ getRecord: () => first }), 2)).rejects.toMatchObject({
      code: 'hashMismatch',
    });
    await expect(audited(await withRecord(first), 2)).rejects.toMatchObject({ code: 'recordInvalid' });
  });

  test('about the clip count from which clip norms follow', async () => {
    const clipping = { clipNorm: 1, fraction: 0.5 };
    await expect(audited(await withRecord(await recordOf(2)), 2)).resolves.toBeUndefined();
    await expect(audited(await withRecord(await recordOf(2), { clipping }), 2)).rejects.toMatchObject({
      code: 'modelChainBroken',
      detail: { reason: expect.stringContaining('clip count') },
    });
  });

  test('in a record that it signs all the same', async () => {
    const { record } = await recordOf(2);
    const signed = (lie: object) => signRecord({ ...record, ...lie }, coordinator.signer);
    const [first, ...others] = record.updates;
    const flipped = { sha256: first?.sha256 ?? '', signature: '00'.repeat(64) };
    for (const lie of [
      { updates: [flipped, ...others] },
      { root: '11'.repeat(32) },
      { certificate: { consents: [] } },
    ])
      await expect(audited(await withRecord(await signed(lie)), 2)).rejects.toMatchObject({
        code: 'recordInvalid',
      });
    const { sum } = (await recordOf(1)).record;
    // The sum of another round: it is one, and leads to another model.
    await expect(audited(await withRecord(await signed({ sum })), 2)).rejects.toMatchObject({
      code: 'modelChainBroken',
    });
    const model = record.descriptor.descriptor.model;
    await expect(audited(await withRecord(await signed({}), { model }), 2)).rejects.toMatchObject({
      code: 'recordInvalid',
    });
  });

  test('with the key of another', async () => {
    const { record } = await recordOf(2);
    const { signer } = await nodeOf('stranger', 'operator');
    await expect(audited(await withRecord(await signRecord(record, signer)), 2)).rejects.toMatchObject({
      code: 'recordInvalid',
    });
  });
});

test('what is told of an attempt that failed after its sum was opened, or with answers, says so', async () => {
  const job = await fetchJob(
    inProcessCoordinator(
      running.federation.handlers,
      running.federation.coordinator,
      running.federation.operator.nodeId,
    ),
    jobId,
  );
  const released = attemptOfRound(job.rounds, 2) as RoundSummary;
  const { secure } = released;
  if (!secure) throw new Error('a secure round');
  const failed = (change: Partial<typeof secure>) =>
    reportRound(
      job,
      {
        ...released,
        outcome: 'aborted',
        model: null,
        secure: { ...secure, record: null, sum: null, ...change },
      },
      undefined,
      new Map(),
    );
  const opened = failed({ faulty: [dropped] });
  expect(opened.coordinatorSaw[0]).toBe('the sum of 5 updates: it was opened, and no model was made of it');
  expect(describeRoundReport(opened).join('\n')).toContain(`contradict those of the others: ${dropped}`);
  const phases = secure.phases.filter(({ phase }) => phase !== 'aggregating');
  const withAnswers = failed({ phases, answers: 3 });
  expect(withAnswers.coordinatorSaw[0]).toBe('answers of 3, of which 4 would open the sum');
  expect(withAnswers.coordinatorDidNotSee.at(-1)).toContain('before it was opened');
  // With enough answers the coordinator may have opened it for itself.
  expect(failed({ phases, answers: 4 }).coordinatorDidNotSee.at(-1)).not.toContain('before it was opened');
});
