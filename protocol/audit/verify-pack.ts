/**
 * An evidence pack verified by nothing but what is in it, as its page does in a browser: the checkpoint by the key of the log, the
 * witnesses by their policy, each entry by its proof. SPEC.md 13.10.
 */
import { primitives } from '#primitives';
import type { AuditData, AuditEvent, AuditType } from '../../schemas/audit-event.ts';
import type { EvidencePack, PackedEntry } from '../../schemas/evidence-pack.ts';
import type { JobManifest } from '../../schemas/job.ts';
import { fromBase64, toHex } from '../bytes.ts';
import { isIncluded, leafHash } from '../merkle.ts';
import { HanseError } from '../problem.ts';
import { Findings } from './findings.ts';
import { readManifest } from './job-manifest.ts';
import { decodeLeaf, typeOf } from './leaf.ts';
import { parseVerifierKey } from './verifier-key.ts';
import { type VerifiedHead, verifyHead } from './verify-head.ts';
import { parseWitnessPolicy } from './witness-policy.ts';

export interface VerifiedEntry {
  readonly index: number;
  /** Undefined for bytes that are none. */
  readonly event: AuditEvent | undefined;
  /** Whether its proof leads to the root. */
  readonly isProved: boolean;
}

export interface PackVerdict {
  readonly verified: boolean;
  readonly origin: string | undefined;
  readonly size: number | undefined;
  /** Hex. */
  readonly root: string | undefined;
  readonly witnesses: VerifiedHead['witnesses'] | undefined;
  /** Those of the policy. */
  readonly seenBy: readonly { readonly name: string; readonly key: string; readonly hasCosigned: boolean }[];
  /** Of the hash that the log names; undefined where the pack has none, or another one. */
  readonly manifest: JobManifest | undefined;
  readonly entries: readonly VerifiedEntry[];
  readonly findings: Findings['all'];
}

/** @param pack attacker-controlled, of the form of its schema */
export async function verifyPack(pack: EvidencePack): Promise<PackVerdict> {
  const findings = new Findings();
  const head = await findings.within(async () => {
    const [key, policy] = [await parseVerifierKey(pack.key), await parseWitnessPolicy(pack.policy)];
    const verified = await verifyHead(pack.checkpoint, { key, policy }, findings);
    const seenBy = policy.witnesses.map(({ name, key: witness }) => ({
      ...{ name, key: witness.name, hasCosigned: verified.cosigners.has(name) },
    }));
    return { ...verified, seenBy };
  });
  const entries: VerifiedEntry[] = [];
  let last = -1;
  for (const entry of pack.entries) {
    entries.push(await verifyEntry(entry, head, findings));
    if (entry.index <= last)
      findings.add(new HanseError('leafContradicts', { reason: 'it comes again, or too late' }), entry.index);
    last = entry.index;
  }
  const manifest = await findings.within(() => manifestOf(pack, entries));
  return {
    verified: findings.all.length === 0,
    origin: head?.checkpoint.origin,
    size: head?.checkpoint.size,
    root: head && toHex(head.checkpoint.root),
    witnesses: head?.witnesses,
    seenBy: head?.seenBy ?? [],
    manifest,
    entries,
    findings: findings.all,
  };
}

/** @throws hashMismatch, and what `readManifest` throws */
async function manifestOf(
  { jobId, manifest }: EvidencePack,
  entries: readonly VerifiedEntry[],
): Promise<JobManifest | undefined> {
  if (manifest === null) return undefined;
  const created = dataOf(entries, 'job.created', (data) => data.jobId === jobId);
  const founded = dataOf(entries, 'federation.created', () => true);
  const bytes = fromBase64(manifest) ?? new Uint8Array();
  const got = toHex(await primitives.sha256(bytes));
  const expected = created?.manifestSha256 ?? 'that of an entry of its creation';
  if (got !== expected) throw new HanseError('hashMismatch', { what: 'manifest', expected, got });
  return readManifest(bytes, founded?.federationId ?? '');
}

/** Of the first entry of the type that is proved. */
function dataOf<Name extends AuditType>(
  entries: readonly VerifiedEntry[],
  name: Name,
  isWanted: (data: AuditData<Name>) => boolean,
): AuditData<Name> | undefined {
  for (const { event, isProved } of entries)
    if (isProved && event && typeOf(event) === name && isWanted(event.data as AuditData<Name>))
      return event.data as AuditData<Name>;
  return undefined;
}

async function verifyEntry(
  { index, bytes, proof }: PackedEntry,
  head: VerifiedHead | undefined,
  findings: Findings,
): Promise<VerifiedEntry> {
  const entry = fromBase64(bytes);
  const hashes = proof.map((hash) => fromBase64(hash) ?? new Uint8Array());
  const isProved =
    entry !== undefined &&
    head !== undefined &&
    (await isIncluded(
      primitives,
      { leaf: await leafHash(primitives, entry), index, size: head.checkpoint.size, proof: hashes },
      head.checkpoint.root,
    ));
  if (!isProved) findings.add(new HanseError('proofInvalid', { what: `leaf ${index}` }), index);
  const event = await findings.within(async () => decodeLeaf(entry ?? new Uint8Array()), index);
  return { index, event, isProved };
}
