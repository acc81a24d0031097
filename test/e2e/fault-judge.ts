/**
 * Whether a job kept what it promised, whatever befell it, as its records and content say: SPEC.md 8.1 to 8.4 once more,
 * by the fuzzer's accounts and its slow recomputation, which share no code with production.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeHeader } from '../../protocol/vector.ts';
import type { JobManifest } from '../../schemas/job.ts';
import type { StoredEvent } from '../../server/store/store.ts';
import { type Attempt, JobLedger } from '../../sim/fuzz/job-ledger.ts';
import { recompute } from '../../sim/fuzz/recompute.ts';
import type { SeenMessage } from './faulty-proxy.ts';

export interface Judgement {
  /** How each attempt ended: `<round>/<attempt> <released, or the code of the abort>`. */
  readonly endings: readonly string[];
  /** Of all released rounds. */
  readonly updates: number;
  /** SHA-256 of the last released model. */
  readonly model: string;
}

/**
 * Throws `Violation` or an error that says what is wrong.
 * @param records of this job, in order
 * @param folder of the coordinator's content
 * @param receipts all that left the coordinator for this job
 */
export function judge(
  manifest: JobManifest,
  records: readonly StoredEvent[],
  folder: string,
  receipts: readonly SeenMessage[],
): Judgement {
  const contentOf = (sha256: string) => {
    const content = readFileSync(join(folder, sha256.slice(0, 2), sha256.slice(2)));
    if (hashOf(content) !== sha256) throw new Error(`the content of ${sha256} is damaged`);
    return content;
  };
  const ledger = new JobLedger(manifest, false);
  let updates = 0;
  for (const record of records) {
    const summed = ledger.enter(record, 0);
    if (!summed) continue;
    const { model, weight } = record.data as { model: string; weight: number };
    checkModel(ledger, summed, { model, weight }, contentOf);
    updates += summed.updates.size;
  }
  if (ledger.outcome === undefined) throw new Error('the job has not ended');
  const counted = new Map<string, Set<string>>();
  for (const [key, sha256] of ledger.counted) {
    const place = key.slice(0, key.lastIndexOf('/'));
    counted.set(place, (counted.get(place) ?? new Set()).add(sha256));
  }
  for (const { place, sha256 } of receipts) {
    if (!counted.get(place)?.has(sha256)) throw new Error(`acknowledged in ${place}, not counted: ${sha256}`);
    if (!ledger.endings.has(place)) throw new Error(`acknowledged in ${place}, which has no end: ${sha256}`);
    contentOf(sha256);
  }
  const endings = [...ledger.endings].map(
    ([place, ending]) => `${place} ${typeof ending === 'string' ? ending : ending.failed}`,
  );
  return { endings, updates, model: ledger.model };
}

function checkModel(
  { manifest, model }: JobLedger,
  { updates }: Attempt,
  aggregated: { readonly model: string; readonly weight: number },
  contentOf: (sha256: string) => Uint8Array,
): void {
  const { payload, weight } = recompute(contentOf(model), [...updates.values()].map(contentOf), manifest);
  const sha256 = createHash('sha256').update(payload).digest();
  const { parameters: length } = manifest;
  const header = encodeHeader({ kind: 'parameters', width: 32, length, secondBlock: 0, sha256 });
  const expected = hashOf(Buffer.concat([header, payload]));
  if (aggregated.model !== expected || aggregated.weight !== weight)
    throw new Error(`the model is ${aggregated.model}, and its updates make it ${expected}`);
}

function hashOf(content: Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
