// covers: protocol/audit/job-audit.ts, protocol/audit/verify-audit.ts
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { verifyAudit } from '../../../protocol/audit/verify-audit.ts';
import { NO_WITNESSES } from '../../../protocol/audit/verify-head.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { costOfRounds, jobPrivacy } from '../../../protocol/dp/job-privacy.ts';
import { planNoise } from '../../../protocol/dp/plan-noise.ts';
import { signRecord } from '../../../protocol/secagg/record.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import type { JobManifest } from '../../../schemas/job.ts';
import type { RoundRecord, SignedRecord } from '../../../schemas/secagg.ts';
import { adaptiveJob } from '../../fixtures/adaptive-job.ts';
import {
  contentOfFederation,
  entriesOfFederation,
  logKeyOfFederation,
  NOTHING,
} from '../../fixtures/exported-federation.ts';
import { exportOf, sourceOf } from '../../fixtures/exported-log.ts';
import { nodeOf, TestFederation } from '../../fixtures/federation.ts';
import { CODEC, INITIAL_MODEL, INITIAL_VALUES } from '../../fixtures/manifest.ts';
import { beginJob, failAttempt, playRound, SIZE } from '../../fixtures/secure-round.ts';
import { hashOf, modelFile } from '../../fixtures/vector-files.ts';

/** What a coordinator has logged, and what it keeps. */
interface Kept {
  readonly jobId: string;
  readonly entries: readonly AuditEvent[];
  readonly content: ReadonlyMap<string, Uint8Array>;
}

async function keptOf(federation: TestFederation, jobId: string): Promise<Kept> {
  const content = await contentOfFederation(federation, [jobId]);
  return {
    jobId,
    entries: (await entriesOfFederation(federation)).map(decodeLeaf),
    content: new Map(content.map((bytes) => [hashOf(bytes), bytes])),
  };
}

/** A log that is signed, whatever is in it. */
async function verified({ entries, content }: Pick<Kept, 'entries' | 'content'>, job?: string) {
  const by = await logKeyOfFederation();
  const files = await exportOf(
    entries.map((event) => utf8(canonicalJson(event))),
    { by },
  );
  for (const [sha256, bytes] of content) files.set(`content/${sha256}`, bytes);
  return verifyAudit(sourceOf(files), { key: by.key, policy: NO_WITNESSES }, { job });
}

async function found(kept: Pick<Kept, 'entries' | 'content'>) {
  const { findings, verified: isVerified } = await verified(kept);
  expect(isVerified).toBe(findings.length === 0);
  return findings.map(({ code, leaf }) => (leaf === undefined ? [code] : [code, leaf]));
}

const leafOf = ({ entries }: Kept, type: string, nth = 0) =>
  entries.flatMap((event, at) => (event.type === `hanse.${type}` ? [at] : []))[nth] as number;
const dataOf = (kept: Kept, type: string, nth = 0) =>
  kept.entries[leafOf(kept, type, nth)]?.data as Record<
    'record' | 'sum' | 'model' | 'manifestSha256' | 'sha256',
    string
  >;

/** With other things said at some places. */
function lying(kept: Kept, lies: ReadonlyMap<number, object>): Kept {
  const entries = kept.entries.map((event, at) => ({ ...event, data: { ...event.data, ...lies.get(at) } }));
  return { ...kept, entries };
}
function withContent(kept: Kept, sha256: string, bytes: Uint8Array | undefined): Kept {
  const content = new Map(kept.content);
  if (bytes) content.set(sha256, bytes);
  else content.delete(sha256);
  return { ...kept, content };
}
const flipped = (bytes: Uint8Array | undefined, at = -1) => {
  const changed = Uint8Array.from(bytes ?? []);
  const place = at < 0 ? changed.length + at : at;
  changed[place] = (changed[place] ?? 0) ^ 1;
  return changed;
};

describe('secure rounds of a strategy that remembers', () => {
  let kept: Kept;
  let signed: SignedRecord;

  /** Two rounds; one attempt at the first comes to nothing, one node drops out of the second. */
  beforeAll(async () => {
    const federation = await TestFederation.open({ participants: SIZE });
    const strategy = { type: 'fedavgm', serverLearningRate: 1, momentum: 0.9 } as const;
    const { jobId } = await beginJob(federation, { strategy, maxAttempts: 2 });
    await failAttempt(federation);
    await playRound(federation);
    await playRound(federation, 1);
    kept = await keptOf(federation, jobId);
    signed = JSON.parse(
      new TextDecoder().decode(kept.content.get(dataOf(kept, 'round.aggregated', 1).record)),
    );
  });

  /** A record that the coordinator has signed, and the log has. */
  async function signing(lie: Partial<RoundRecord>, said: object = {}): Promise<Kept> {
    const { signer } = await nodeOf('coordinator', 'operator');
    const bytes = utf8(canonicalJson(await signRecord({ ...signed.record, ...lie }, signer)));
    const lies = new Map([[leafOf(kept, 'round.aggregated', 1), { record: hashOf(bytes), ...said }]]);
    return withContent(lying(kept, lies), hashOf(bytes), bytes);
  }

  test('are made again from what the log names, bit for bit', async () => {
    const report = await verified(kept);
    expect(report).toMatchObject({ verified: true, findings: [], size: kept.entries.length });
    const model = (round: number) => dataOf(kept, 'round.released', round - 1).model;
    expect(report.jobs).toEqual([
      {
        jobId: kept.jobId,
        rounds: [
          { round: 1, attempt: 2, model: model(1), released: true, recomputed: true },
          { round: 2, attempt: 1, model: model(2), released: true, recomputed: true },
        ],
        epsilon: null,
      },
    ]);
    await expect(verified(kept, kept.jobId)).resolves.toEqual(report);
    await expect(verified(kept, 'job-0000000000000000')).resolves.toMatchObject({
      verified: false,
      findings: [{ code: 'jobUnknown' }],
    });
  });

  test('whose updates are gone hold as far as they can be checked', async () => {
    const [, { sha256 } = { sha256: '' }] = signed.record.updates;
    const report = await verified(withContent(kept, sha256, undefined));
    expect(report).toMatchObject({
      verified: true,
      jobs: [{ rounds: [{ recomputed: true }, { recomputed: 'notRecomputable' }] }],
    });
  });

  test('without what they follow from are not verified', async () => {
    const { record, sum } = dataOf(kept, 'round.aggregated');
    const leaf = leafOf(kept, 'round.aggregated');
    const created = leafOf(kept, 'job.created');
    for (const [sha256, at] of [
      [record, leaf],
      [sum, leaf],
      [hashOf(INITIAL_MODEL), created],
      [dataOf(kept, 'job.created').manifestSha256, created],
    ] as const)
      expect((await found(withContent(kept, sha256, undefined)))[0]).toEqual(['contentMissing', at]);
    expect(await found(kept)).toEqual([]);
  });

  test('with a flipped bit in anything that they follow from', async () => {
    const { record, sum, model } = dataOf(kept, 'round.aggregated', 1);
    const leaf = leafOf(kept, 'round.aggregated', 1);
    const [{ sha256: update } = { sha256: '' }] = signed.record.updates;
    for (const sha256 of [record, sum, model, update])
      expect(await found(withContent(kept, sha256, flipped(kept.content.get(sha256))))).toEqual([
        ['hashMismatch', leaf],
      ]);
    const created = leafOf(kept, 'job.created');
    for (const sha256 of [hashOf(INITIAL_MODEL), dataOf(kept, 'job.created').manifestSha256])
      expect((await found(withContent(kept, sha256, flipped(kept.content.get(sha256)))))[0]).toEqual([
        'hashMismatch',
        created,
      ]);
  });

  test('whose coordinator has signed and logged what is not so', async () => {
    expect(await found(await signing({}))).toEqual([]);
    const leaf = leafOf(kept, 'round.aggregated', 1);
    const { sum, record } = dataOf(kept, 'round.aggregated');
    const [first = '', ...others] = signed.record.revealed;
    const wrong = `${first.startsWith('00') ? '11' : '00'}${first.slice(2)}`;
    expect(await found(await signing({ revealed: [wrong, ...others] }))).toEqual([['recordInvalid', leaf]]);
    // Another sum leads to another model, and is not that of the updates.
    expect((await found(await signing({ sum }, { sum })))[0]?.[1]).toBe(leaf);
    expect(await found(await signing({ sum }))).toEqual([['leafContradicts', leaf]]);
    expect(await found(await signing({ strategyState: null }))).toEqual([['modelChainBroken', leaf]]);
    const released = leafOf(kept, 'round.released', 1);
    const model = { model: NOTHING };
    expect(
      await found(
        lying(
          kept,
          new Map([
            [leaf, model],
            [released, model],
          ]),
        ),
      ),
    ).toEqual([['leafContradicts', leaf]]);
    const forged = await signing({ nextModel: NOTHING }, model);
    expect(await found(lying(forged, new Map([[released, model]])))).toEqual([['modelChainBroken', leaf]]);
    // The record of another round.
    expect(await found(lying(kept, new Map([[leaf, { record, sum }]])))).toEqual([['recordInvalid', leaf]]);
    for (const lie of [{ updates: SIZE }, { weight: 1 }, { record: undefined }, { sum: undefined }])
      expect(await found(lying(kept, new Map([[leaf, lie]])))).toEqual([['leafContradicts', leaf]]);
  });

  test('whose record has another form than it should', async () => {
    const leaf = leafOf(kept, 'round.aggregated', 1);
    const text = canonicalJson(signed);
    for (const other of [` ${text}`, text.replace('{', '{ '), '{}', 'null', '', text.slice(0, -1)]) {
      const bytes = utf8(other);
      const lies = new Map([[leaf, { record: hashOf(bytes) }]]);
      expect(await found(withContent(lying(kept, lies), hashOf(bytes), bytes))).toEqual([
        ['recordInvalid', leaf],
      ]);
    }
    const lies = new Map([[leaf, { record: hashOf(utf8(text)) }]]);
    expect(await found(withContent(lying(kept, lies), hashOf(utf8(text)), utf8(text)))).toEqual([]);
  });

  test('with an update of which no entry tells', async () => {
    const at = leafOf(kept, 'round.updateAccepted');
    const entries = kept.entries.filter((_, i) => i !== at);
    expect(await found({ ...kept, entries })).toEqual([
      ['leafContradicts', leafOf({ ...kept, entries }, 'round.aggregated')],
    ]);
  });
});

test('plain rounds are made again from their updates', async () => {
  const federation = await TestFederation.open();
  await federation.appear();
  const { jobId } = await federation.createJob({ rounds: 2 });
  await federation.appear();
  await federation.workAll();
  const kept = await keptOf(federation, jobId);
  await expect(verified(kept)).resolves.toMatchObject({
    verified: true,
    jobs: [{ rounds: [{ recomputed: true }, { recomputed: true }] }],
  });
  const { sha256 } = dataOf(kept, 'round.updateAccepted', 1);
  const without = withContent(kept, sha256, undefined);
  await expect(verified(without)).resolves.toMatchObject({
    verified: true,
    jobs: [{ rounds: [{ recomputed: 'notRecomputable' }, { recomputed: true }] }],
  });
  const at = leafOf(kept, 'round.aggregated');
  expect(await found(withContent(kept, sha256, flipped(kept.content.get(sha256))))).toEqual([
    ['hashMismatch', at],
  ]);
  const model = { model: NOTHING };
  const lies = new Map([
    [at, model],
    [leafOf(kept, 'round.released'), model],
  ]);
  expect((await found(lying(kept, lies)))[0]).toEqual(['modelChainBroken', at]);
  for (const lie of [{ weight: 1 }, { updates: 2 }, { record: NOTHING }, { sum: NOTHING }])
    expect(await found(lying(kept, new Map([[at, lie]])))).toEqual([['leafContradicts', at]]);
});

test('a first model of another length than the job has parameters is refused', async () => {
  const federation = await TestFederation.open();
  await federation.appear();
  const { jobId } = await federation.createJob();
  await federation.appear();
  await federation.workAll();
  const kept = await keptOf(federation, jobId);
  const created = leafOf(kept, 'job.created');
  const { manifest } = federation.coordinator.job(jobId).state;
  for (const [values, codes] of [
    [INITIAL_VALUES, []],
    [INITIAL_VALUES.slice(1), [['invalidLength', created]]],
    [[...INITIAL_VALUES, 1], [['updateMalformed', created]]],
  ] as const) {
    const model = modelFile(values);
    const bytes = utf8(canonicalJson({ ...manifest, initialModel: hashOf(model) }));
    const lies = new Map([[created, { manifestSha256: hashOf(bytes) }]]);
    const some = withContent(withContent(lying(kept, lies), hashOf(bytes), bytes), hashOf(model), model);
    expect((await found(some)).slice(0, 1)).toEqual(codes);
  }
});

test('plain rounds of a codec that turns updates are made again too', async () => {
  const federation = await TestFederation.open();
  await federation.appear();
  const { jobId } = await federation.createJob({
    ...{ rounds: 2, codec: { ...CODEC, rotation: { block: 4, bound: 1 } } },
  });
  await federation.appear();
  await federation.workAll();
  const kept = await keptOf(federation, jobId);
  await expect(verified(kept)).resolves.toMatchObject({
    verified: true,
    jobs: [{ rounds: [{ recomputed: true }, { recomputed: true }] }],
  });
});

test('what rounds have taken of a promise is computed from how many were opened', async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  const { jobId } = await beginJob(federation, adaptiveJob(1, 2) as Partial<JobManifest>);
  await playRound(federation);
  const kept = await keptOf(federation, jobId);
  const { manifest } = federation.coordinator.job(jobId).state;
  const privacy = jobPrivacy(manifest);
  if (!privacy) throw new Error('it promises something');
  const cost = costOfRounds(privacy);
  const report = await verified(kept);
  expect(report.findings).toEqual([]);
  expect(report.jobs[0]?.epsilon).toEqual({
    ...{ unit: 'participant', delta: 0.1, rounds: 1, spent: cost(1), promised: cost(2) },
    stated: manifest.privacy?.epsilonServer,
  });
  expect(cost(1)).toBeLessThan(cost(2));

  // The clip norm of the second round follows from the sum of the first.
  await playRound(federation);
  const both = await verified(await keptOf(federation, jobId));
  expect(both).toMatchObject({ verified: true, jobs: [{ epsilon: { rounds: 2, spent: cost(2) } }] });
  expect(both.jobs[0]?.rounds.map(({ recomputed }) => recomputed)).toEqual([true, true]);
});

test('noise that the coordinator has added cannot be told from the updates, and the rest holds', async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  const terms = { clipNorm: 1, parameters: INITIAL_VALUES.length, cohortMax: SIZE, parties: 1, rounds: 2 };
  const { codec, central, epsilon } = planNoise({
    ...{ ...terms, noise: { type: 'gaussian' }, weightMax: 1, batchSize: 8, delta: 0.1, epsilon: 5 },
  });
  if (!central) throw new Error('the coordinator is to add it');
  const { jobId } = await beginJob(federation, {
    ...{ privacyUnit: 'participant', weighting: 'uniform', codec },
    privacy: { delta: 0.1, epsilonModel: epsilon, centralNoise: central },
  });
  await playRound(federation);
  await playRound(federation);
  const kept = await keptOf(federation, jobId);
  const report = await verified(kept);
  expect(report).toMatchObject({ verified: true, jobs: [{ epsilon: { rounds: 2, stated: epsilon } }] });
  expect(report.jobs[0]?.rounds.map(({ recomputed }) => recomputed)).toEqual([
    'notRecomputable',
    'notRecomputable',
  ]);
  const at = leafOf(kept, 'round.aggregated');
  const { sum } = dataOf(kept, 'round.aggregated');
  expect(await found(withContent(kept, sum, undefined))).toEqual([['contentMissing', at]]);
});
