/**
 * Whatever a hostile coordinator signs and logs, a verifier reaches a verdict, and the verdict is no.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { decodeLeaf } from '../../../protocol/audit/leaf.ts';
import { verifyAudit } from '../../../protocol/audit/verify-audit.ts';
import { NO_WITNESSES } from '../../../protocol/audit/verify-head.ts';
import { utf8 } from '../../../protocol/bytes.ts';
import { canonicalJson } from '../../../protocol/canonical.ts';
import { signRecord } from '../../../protocol/secagg/record.ts';
import type { AuditEvent } from '../../../schemas/audit-event.ts';
import {
  contentOfFederation,
  entriesOfFederation,
  logKeyOfFederation,
} from '../../fixtures/exported-federation.ts';
import { exportOf, sourceOf } from '../../fixtures/exported-log.ts';
import { nodeOf, TestFederation } from '../../fixtures/federation.ts';
import { beginJob, playRound, SIZE } from '../../fixtures/secure-round.ts';
import { hashOf } from '../../fixtures/vector-files.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

let entries: AuditEvent[];
let content: Uint8Array[];

/** One round of a strategy that remembers. */
beforeAll(async () => {
  const federation = await TestFederation.open({ participants: SIZE });
  const strategy = { type: 'fedadam', serverLearningRate: 0.5, beta1: 0.9, beta2: 0.99, tau: 0.1 } as const;
  const { jobId } = await beginJob(federation, { strategy, rounds: 1 });
  await playRound(federation);
  entries = (await entriesOfFederation(federation)).map(decodeLeaf);
  content = await contentOfFederation(federation, [jobId]);
});

async function verified(some: readonly AuditEvent[], more: readonly Uint8Array[] = []) {
  const by = await logKeyOfFederation();
  const files = await exportOf(
    some.map((event) => utf8(canonicalJson(event))),
    { by, content: [...content, ...more] },
  );
  const { verified: isVerified } = await verifyAudit(sourceOf(files), { key: by.key, policy: NO_WITNESSES });
  return isVerified;
}

/** Values that programs stumble over. */
const strange: fc.Arbitrary<Json> = fc.oneof(
  fc.constantFrom<Json>(null, true, 0, -1, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 1e300, '', '00', 'plain', [], {}),
  fc.integer({ min: 1, max: 600 }),
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 }),
);

/** Another value at one place of it. @param choose which member, level by level */
function altered(value: Json, choose: readonly number[], by: Json): Json {
  const [first = 0, ...rest] = choose;
  if (typeof value !== 'object' || value === null || rest.length === 0) return by;
  const keys = Object.keys(value);
  if (keys.length === 0) return by;
  const key = keys[first % keys.length] as string;
  const members = value as Record<string, Json>;
  const member = altered(members[key] ?? null, rest, by);
  if (Array.isArray(value)) return value.map((one, at) => (String(at) === key ? member : one));
  return { ...members, [key]: member };
}

const alteration = fc.record({ choose: fc.array(fc.nat(1000), { minLength: 2, maxLength: 7 }), by: strange });

const at = (type: string) => entries.findIndex((event) => event.type === `hanse.${type}`);
const withData = (place: number, data: object) =>
  entries.map((event, i) => (i === place ? { ...event, data: { ...event.data, ...data } } : event));
/** What an entry says under this name. */
const nameIn = (place: number, name: string) =>
  ((entries[place]?.data ?? {}) as Record<string, string>)[name] ?? '';
const contentOf = (sha256: string): Json =>
  JSON.parse(new TextDecoder().decode(content.find((bytes) => hashOf(bytes) === sha256)));

describe('a coordinator that signs', () => {
  test('what is so is believed', async () => {
    await expect(verified(entries)).resolves.toBe(true);
  });

  test('records that are altered anywhere', async () => {
    const place = at('round.aggregated');
    const sha256 = nameIn(place, 'record');
    const { record } = contentOf(sha256) as { record: Json };
    const { signer } = await nodeOf('coordinator', 'operator');
    await fc.assert(
      fc.asyncProperty(alteration, async ({ choose, by }) => {
        const lie = altered(record, choose, by);
        if (canonicalJson(lie) === canonicalJson(record)) return;
        const bytes = utf8(canonicalJson(await signRecord(lie as never, signer)));
        await expect(verified(withData(place, { record: hashOf(bytes) }), [bytes])).resolves.toBe(false);
      }),
      { numRuns: 150 },
    );
  });

  test('manifests that are altered anywhere', async () => {
    const place = at('job.created');
    const manifest = contentOf(nameIn(place, 'manifestSha256'));
    await fc.assert(
      fc.asyncProperty(alteration, async ({ choose, by }) => {
        const lie = altered(manifest, choose.slice(0, 4), by);
        if (canonicalJson(lie) === canonicalJson(manifest)) return;
        const bytes = utf8(canonicalJson(lie));
        // Its record names the manifest that there was.
        await expect(verified(withData(place, { manifestSha256: hashOf(bytes) }), [bytes])).resolves.toBe(
          false,
        );
      }),
      { numRuns: 150 },
    );
  });

  test('manifests of plain rounds, whatever follows from them', async () => {
    const federation = await TestFederation.open();
    await federation.appear();
    const { jobId } = await federation.createJob();
    await federation.appear();
    await federation.workAll();
    const events = (await entriesOfFederation(federation)).map(decodeLeaf);
    const kept = await contentOfFederation(federation, [jobId]);
    await expect(verified(events, kept)).resolves.toBe(true);
    const { manifest } = federation.coordinator.job(jobId).state;
    const place = events.findIndex(({ type }) => type === 'hanse.job.created');
    await fc.assert(
      fc.asyncProperty(alteration, async ({ choose, by }) => {
        const lie = altered(manifest as unknown as Json, choose.slice(0, 4), by);
        const bytes = utf8(canonicalJson(lie));
        const some = events.map((event, i) =>
          i === place ? { ...event, data: { ...event.data, manifestSha256: hashOf(bytes) } } : event,
        );
        // A verdict: of another purpose nothing else need follow.
        expect(typeof (await verified(some, [...kept, bytes]))).toBe('boolean');
      }),
      { numRuns: 150 },
    );
  });

  test('sums, first models and updates of any bytes', async () => {
    const place = at('round.aggregated');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        await expect(verified(withData(place, { sum: hashOf(bytes) }), [bytes])).resolves.toBe(false);
        await expect(verified(withData(place, { record: hashOf(bytes) }), [bytes])).resolves.toBe(false);
      }),
      { numRuns: 30 },
    );
  });

  test('entries of which one is altered anywhere', async () => {
    const rounds = entries.flatMap(({ type }, i) =>
      /round\.(opened|aggregated|released)|job/.test(type) ? [i] : [],
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...rounds), alteration, async (place, { choose, by }) => {
        const { data } = entries[place] as unknown as { data: Record<string, Json> };
        const { jobId, round, attempt, model, record, sum, manifestSha256, updates, weight } = data;
        const named = { jobId, round, attempt, model, record, sum, manifestSha256, updates, weight };
        const there = Object.fromEntries(
          Object.entries(named).filter(([, value]) => value !== undefined),
        ) as Json;
        const lie = altered(there, choose.slice(0, 2), by) as object;
        if (typeof lie !== 'object' || lie === null || canonicalJson(lie) === canonicalJson(there)) return;
        await expect(verified(withData(place, lie))).resolves.toBe(false);
      }),
      { numRuns: 100 },
    );
  });
});
