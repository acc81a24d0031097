/**
 * An exported log verified with the keys that somebody pins, or with those that it has beside it: which tell no more than that
 * the folder agrees with itself. SPEC.md 13.8. Node only.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Findings } from '../../protocol/audit/findings.ts';
import { parseVerifierKey, type VerifierKey } from '../../protocol/audit/verifier-key.ts';
import { unverified, type VerifyOptions, verifyAudit } from '../../protocol/audit/verify-audit.ts';
import { NO_WITNESSES } from '../../protocol/audit/verify-head.ts';
import { parseWitnessPolicy, type WitnessPolicy } from '../../protocol/audit/witness-policy.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { AuditReport } from '../../schemas/audit-report.ts';
import { UpdateReceipt } from '../../schemas/update-receipt.ts';
import { fileProblem } from '../file-problem.ts';
import { jsonLines } from '../json-lines.ts';
import { FolderSource } from './folder-source.ts';

export interface VerifyExportOptions {
  /** The key of the log, or a file that holds it. */
  readonly key?: string | undefined;
  /** A file. */
  readonly policy?: string | undefined;
  /** Files with older checkpoints. */
  readonly since?: readonly string[] | undefined;
  readonly job?: string | undefined;
  /** A file of JSON lines. */
  readonly receipts?: string | undefined;
  readonly tree?: boolean | undefined;
  /** False: rounds are not looked at. */
  readonly content?: boolean | undefined;
}

export interface Telling extends Pick<VerifyOptions, 'progress' | 'tellRound'> {
  /** Whether what nobody has asked for is looked at, too. */
  readonly isWhole?: boolean;
}

/** Of a receipt, in bytes. */
const LINE_BYTES_MAX = 4096;

/**
 * @param path attacker-controlled, all that lies there; files that options name are the verifier's own
 * @throws dataFileMissing for a file that is not there; verifierKeyInvalid, witnessPolicyInvalid, noteMalformed, invalidFormat for
 *   what the options name; storageFailed
 */
export async function verifyExport(
  path: string,
  options: VerifyExportOptions,
  { isWhole = true, ...telling }: Telling = {},
): Promise<AuditReport> {
  const { job, tree: isTreeOnly = false, content = true } = options;
  const pinned = await pinnedOf(options);
  const receipts = options.receipts === undefined ? [] : await receiptsOf(options.receipts);
  const since = await Promise.all((options.since ?? []).map(textOf));
  const findings = new Findings();
  const folder = await FolderSource.open(path);
  const key = pinned.key ?? (await findings.within(() => keyOf(folder)));
  const policy = pinned.policy ?? (await findings.within(() => policyOf(folder)));
  const verifying = {
    ...{ since, job, receipts, isTreeOnly, isWithoutContent: !content },
    ...telling,
  };
  const trust = key && { key, policy: policy ?? NO_WITNESSES };
  const report = trust ? await verifyAudit(folder, trust, verifying, findings) : unverified(findings);
  // A log of others may have whatever they like beside it.
  if (isWhole && !isTreeOnly) for await (const stray of folder.strays()) findings.add(stray);
  return { ...report, verified: findings.all.length === 0, findings: findings.all };
}

async function pinnedOf({ key, policy }: VerifyExportOptions) {
  const text =
    key === undefined || /^[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/.test(key) ? key : await textOf(key);
  return {
    key: text === undefined ? undefined : await parseVerifierKey(lineOf(text)),
    policy: policy === undefined ? undefined : await parseWitnessPolicy(await textOf(policy)),
  };
}

async function keyOf(folder: FolderSource): Promise<VerifierKey> {
  const text = await folder.text('log.vkey');
  if (text === undefined)
    throw new HanseError('exportMalformed', { path: 'log.vkey', reason: 'it is not there' });
  return parseVerifierKey(lineOf(text));
}

async function policyOf(folder: FolderSource): Promise<WitnessPolicy | undefined> {
  const text = await folder.text('witness-policy');
  return text === undefined ? undefined : parseWitnessPolicy(text);
}

/** Without its line end. */
function lineOf(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw missingOr(file, error);
  }
}

async function receiptsOf(file: string): Promise<UpdateReceipt[]> {
  const receipts: UpdateReceipt[] = [];
  try {
    for await (const line of jsonLines(createReadStream(file), LINE_BYTES_MAX))
      receipts.push(parse(UpdateReceipt, line, 'receipt'));
  } catch (error) {
    throw isProblem(error) ? error : missingOr(file, error);
  }
  return receipts;
}

function missingOr(file: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? new HanseError('dataFileMissing', { file }) : fileProblem(file, error);
}
