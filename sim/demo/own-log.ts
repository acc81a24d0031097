/**
 * What the demo shows of its audit log at the end: that it holds, checked as any auditor would, and that one byte which is changed
 * in it is found. SPEC.md 13.8.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { TILE_WIDTH } from '../../protocol/audit/tile.ts';
import { parseVerifierKey } from '../../protocol/audit/verifier-key.ts';
import { verifyAudit } from '../../protocol/audit/verify-audit.ts';
import { parseWitnessPolicy } from '../../protocol/audit/witness-policy.ts';
import { equalBytes } from '../../protocol/bytes.ts';
import { HanseError } from '../../protocol/problem.ts';
import type { AuditFinding } from '../../schemas/audit-report.ts';
import { AuditFile } from '../../server/store/audit-file.ts';
import { openStoredLogSource } from '../../server/stored-log-source.ts';

export interface AuditResult {
  /** Of entries. */
  readonly size: number;
  /** Of the Merkle tree over them, as the log has signed it: hex. */
  readonly root: string;
  /** How many have cosigned it. */
  readonly witnesses: number;
  readonly verified: boolean;
  /** Rounds whose sums and models were made again. */
  readonly rounds: number;
  /** What is wrong, where something is. */
  readonly findings: readonly AuditFinding[];
}

/** @param coordinatorDir a data directory, whose coordinator may be running */
export async function verifyOwnLog(
  coordinatorDir: string,
  tellRound: (round: number) => void,
): Promise<AuditResult> {
  const source = await openStoredLogSource(coordinatorDir);
  try {
    const key = await parseVerifierKey(await source.verifierKey());
    const trust = { key, policy: await parseWitnessPolicy(await source.policy()) };
    const { size, root, witnesses, verified, jobs, findings } = await verifyAudit(source, trust, {
      tellRound: ({ round }) => tellRound(round),
    });
    const again = jobs.flatMap(({ rounds }) => rounds.filter(({ recomputed }) => recomputed === true));
    return {
      size: size ?? 0,
      root: root ?? '',
      witnesses: witnesses.cosigned,
      verified,
      rounds: again.length,
      findings,
    };
  } finally {
    await source.close();
  }
}

/** Entries above these bytes may not lie in one piece in the file. */
const SHORT_BYTES = 1000;

/**
 * Flips one bit of one stored entry, in the file beneath the database, as somebody would who wants the log to tell another story.
 * @param coordinatorDir of a coordinator that has ended
 * @returns the index of that entry
 */
export async function tamperWithLog(coordinatorDir: string): Promise<number> {
  const path = join(coordinatorDir, 'audit.sqlite');
  const entries = entriesOf(path);
  const middle = entries.length >> 1;
  const leaf = entries.findIndex(({ length }, at) => at >= middle && length < SHORT_BYTES);
  const entry = entries[leaf];
  const failed = (reason: string) => new HanseError('checkFailed', { check: 'tampering', reason });
  if (!entry) throw failed('the log has no short entry');
  const file = await open(path, 'r+');
  try {
    const bytes = await file.readFile();
    // Pages may hold what was moved to another one since: the one that counts is known by what is read afterwards.
    for (let at = bytes.indexOf(entry); at >= 0; at = bytes.indexOf(entry, at + 1)) {
      const place = at + (entry.length >> 1);
      const byte = bytes[place] as number;
      await file.write(Uint8Array.of(byte ^ 1), 0, 1, place);
      await file.sync();
      if (!equalBytes(entriesOf(path)[leaf] ?? new Uint8Array(), entry)) return leaf;
      await file.write(Uint8Array.of(byte), 0, 1, place);
    }
    throw failed('no stored byte makes another entry');
  } finally {
    await file.close();
  }
}

function entriesOf(path: string): Uint8Array[] {
  const log = new AuditFile(path, { readOnly: true });
  try {
    const entries: Uint8Array[] = [];
    for (
      let page = log.entries(0, TILE_WIDTH);
      page.length > 0;
      page = log.entries(entries.length, TILE_WIDTH)
    )
      entries.push(...page);
    return entries;
  } finally {
    log.close();
  }
}
