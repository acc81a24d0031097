/**
 * An exported log of many entries as a federation leaves them in a year: members, jobs with rounds and what they take of privacy,
 * downloads, denials, readings. Each is in its canonical form because its members stand in that order here.
 */
import { createHash } from 'node:crypto';
import { primitives } from '#primitives';
import { exportFolder } from '../../client/audit/export-folder.ts';
import { signCheckpoint } from '../../protocol/audit/checkpoint.ts';
import { encodeBundle } from '../../protocol/audit/entry-bundle.ts';
import { GrowingTree } from '../../protocol/audit/growing-tree.ts';
import { TILE_WIDTH } from '../../protocol/audit/tile.ts';
import { HASH_BYTES } from '../../protocol/audit/tile-tree.ts';
import { formatVerifierKey, verifierKey } from '../../protocol/audit/verifier-key.ts';
import { formatWitnessPolicy, majorityPolicy } from '../../protocol/audit/witness-policy.ts';
import { toHex, utf8 } from '../../protocol/bytes.ts';
import { leafHash } from '../../protocol/merkle.ts';

const [ORGANISATIONS, MEMBERS, COHORT, ROUNDS] = [40, 200, 8, 40];
/** Entries of a round, at most. */
const OF_ROUND = 32;
const START = Date.parse('2026-01-01T00:00:00.000Z');
const YEAR_MS = 364 * 86_400_000;
const UNITS = ['example', 'participant', 'person'];
const PURPOSES = ['triage', 'screening', 'quality control'];

/** @param size of the log, at least 1 @param coordinatorKey hex */
export function* manyEntries(size: number, coordinatorKey: string): Generator<Uint8Array> {
  const source = `urn:hanse:coordinator:${coordinatorKey}`;
  const places = new Map<string, number>();
  let leaf = 0;
  const entry = (stream: string, type: string, data: object) => {
    const place = (places.get(stream) ?? 0) + 1;
    places.set(stream, place);
    const time = new Date(START + Math.floor((YEAR_MS * leaf) / size)).toISOString();
    leaf += 1;
    const of = { data, datacontenttype: 'application/json', id: `${stream}/${place}`, source };
    return utf8(JSON.stringify({ ...of, specversion: '1.0', time, type: `hanse.${type}` }));
  };
  const note = (type: string, data: object) => entry('notes', type, data);
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const salted = () => ({ salted: hash(`salt ${leaf}`) });
  const nodeId = (member: number) => hash(`node ${member}`).slice(32);
  function* all() {
    const federation = 'federation';
    yield entry(federation, 'federation.created', { coordinatorKey, federationId: 'fed-0123456789abcdef' });
    for (let member = 0; member < MEMBERS; member += 1) {
      const organisationId = `clinic-${member % ORGANISATIONS}`;
      yield entry(federation, 'member.enrolled', {
        ...{ name: salted(), nodeId: nodeId(member), organisationId, organisationKey: hash(organisationId) },
        ...{ publicKey: hash(`key ${member}`), role: 'participant' },
      });
    }
    for (let job = 0; size - leaf > OF_ROUND; job += 1) yield* jobEntries(job);
    // What is opened has to be told of: no round is cut.
    for (;;) yield denied();
  }
  const denied = () => {
    const since = new Date(START).toISOString();
    return note('access.denied', { actor: 'anonymous', codes: { signatureMissing: 3 }, count: 3, since });
  };
  function* jobEntries(job: number) {
    const jobId = `job-${hash(`job ${job}`).slice(48)}`;
    const [stream, privacy] = [`job/${jobId}`, `privacy/${jobId}`];
    const unit = UNITS[job % 3] ?? '';
    const base = { jobId };
    yield entry(stream, 'job.created', {
      ...{ by: nodeId(job % MEMBERS), ...base, manifestSha256: hash(jobId), name: `model ${job}` },
      ...{ privacyUnit: unit, prov: { activity: `urn:hanse:job:${jobId}` }, purpose: PURPOSES[job % 3] },
    });
    yield entry(privacy, 'privacy.reserved', {
      ...{ delta: 1e-5, epsilon: 1, jobId, mechanism: 'discreteGaussian', stated: 1, unit },
    });
    for (let round = 1; round <= ROUNDS && size - leaf > OF_ROUND; round += 1) {
      const of = { attempt: 1, jobId };
      const deadline = new Date(START + YEAR_MS).toISOString();
      yield entry(stream, 'round.opened', {
        attempt: 1,
        cohort: salted(),
        deadline,
        jobId,
        round,
        size: COHORT,
      });
      for (let node = 0; node < COHORT; node += 1)
        yield entry(stream, 'round.updateAccepted', {
          ...{ attempt: 1, bytes: 100_000, jobId, node: salted(), round, sha256: hash(`update ${leaf}`) },
        });
      for (let node = 0; node < COHORT; node += 1)
        yield entry(stream, 'round.consented', { ...of, node: salted(), round });
      yield entry(stream, 'round.secretsOpened', { answers: COHORT, attempt: 1, faulty: 0, jobId, round });
      yield entry(privacy, 'privacy.spent', {
        ...{ attempt: 1, delta: 1e-5, epsilon: round / ROUNDS, jobId, opened: round, round, unit },
      });
      const model = hash(`model ${job} ${round}`);
      yield entry(stream, 'round.aggregated', { ...of, model, round, updates: COHORT, weight: COHORT });
      yield entry(stream, 'round.evaluated', {
        ...{
          attempt: 1,
          jobId,
          metrics: { accuracy: 0.9, examples: 1000, loss: 0.1 },
          node: salted(),
          round,
        },
      });
      yield entry(stream, 'round.released', { ...of, model, round });
      yield note('model.downloaded', { count: COHORT, ...base, members: salted(), model, round });
      yield denied();
      const since = new Date(START).toISOString();
      if (round % 10 === 0)
        yield note('reading.session', { count: 9, first: 0, last: 8, reader: salted(), since, until: since });
    }
  }
  for (const bytes of all()) {
    yield bytes;
    if (leaf >= size) return;
  }
}

/** Memory is that of the hashes. @param folder that is not there, or empty */
export async function writeManyEntries(folder: string, size: number): Promise<void> {
  const signer = await primitives.signer(new Uint8Array(32));
  const coordinatorKey = toHex(signer.publicKey);
  const key = await verifierKey(`hanse/coordinator/${coordinatorKey.slice(0, 16)}`, 'note', signer.publicKey);
  const levels: Uint8Array[] = [];
  const tree = new GrowingTree();
  for (const bytes of manyEntries(size, coordinatorKey))
    for (const { level, place, hash } of await tree.add(await leafHash(primitives, bytes))) {
      const hashes = levels[level] ?? new Uint8Array(HASH_BYTES * Math.ceil(size / TILE_WIDTH ** level));
      levels[level] = hashes;
      hashes.set(hash, HASH_BYTES * place);
    }
  const note = await signCheckpoint({ size, root: await tree.root() }, key, signer);
  // Bundles are asked for in their order.
  const again = manyEntries(size, coordinatorKey);
  await exportFolder(
    {
      checkpoint: async () => note,
      verifierKey: async () => formatVerifierKey(key),
      policy: async () => formatWitnessPolicy(majorityPolicy(key, [])),
      async tile({ level, index, width }) {
        if (level === 'entries')
          return encodeBundle(Array.from({ length: width }, () => again.next().value as Uint8Array));
        const from = HASH_BYTES * TILE_WIDTH * index;
        return (levels[level] ?? new Uint8Array()).subarray(from, from + HASH_BYTES * width);
      },
      manifest: async () => undefined,
      async *content() {},
      async *saltedFields() {},
    },
    folder,
    {
      ...{ content: false, salts: false, progress: () => {}, note: () => {} },
      signal: new AbortController().signal,
    },
  );
}
