/**
 * A log verified with the keys that somebody pins, or with those that it has beside it: which tell no more than that it agrees with
 * itself. An exported folder, or what a coordinator serves. SPEC.md 13.8. Node only.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Findings } from '../../protocol/audit/findings.ts';
import type { LogSource } from '../../protocol/audit/log-source.ts';
import { parseVerifierKey, type VerifierKey } from '../../protocol/audit/verifier-key.ts';
import { unverified, type VerifyOptions, verifyAudit } from '../../protocol/audit/verify-audit.ts';
import { NO_WITNESSES } from '../../protocol/audit/verify-head.ts';
import { parseWitnessPolicy, type WitnessPolicy } from '../../protocol/audit/witness-policy.ts';
import { parse } from '../../protocol/parse.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import type { AuditReport } from '../../schemas/audit-report.ts';
import { UpdateReceipt } from '../../schemas/update-receipt.ts';
import type { CoordinatorApi } from '../coordinator-api.ts';
import { fileProblem } from '../file-problem.ts';
import { jsonLines } from '../json-lines.ts';
import { FolderSource } from './folder-source.ts';
import { ServedSource } from './served-source.ts';

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

/** What a source says of its key and its witnesses, by its own word. */
interface OwnWord {
  key(): Promise<VerifierKey>;
  policy(): Promise<WitnessPolicy | undefined>;
}

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
  const findings = new Findings();
  const prepared = await prepare(options);
  const folder = await FolderSource.open(path);
  const own = { key: () => keyOf(folder), policy: () => policyOf(folder) };
  const report = await verify(folder, own, prepared, telling, findings);
  // A log of others may have whatever they like beside it.
  if (isWhole && !options.tree) for await (const stray of folder.strays()) findings.add(stray);
  return { ...report, verified: findings.all.length === 0, findings: findings.all };
}

/**
 * The same of the log that a coordinator serves to a member.
 * @param api of whoever asks; all that it answers is attacker-controlled. Throws what it throws, and as `verifyExport`
 */
export async function verifyServed(
  api: CoordinatorApi,
  options: VerifyExportOptions,
  telling: Omit<Telling, 'isWhole'> = {},
): Promise<AuditReport> {
  const source = new ServedSource(api);
  const own = {
    key: async () => parseVerifierKey(lineOf(await source.verifierKey())),
    policy: async () => undefined,
  };
  return verify(source, own, await prepare(options), telling, new Findings());
}

/** What the options name, before anything of the source is looked at. */
async function prepare(options: VerifyExportOptions) {
  const { job, tree: isTreeOnly = false, content = true } = options;
  const pinned = await pinnedOf(options);
  const receipts = options.receipts === undefined ? {} : { receipts: await receiptsOf(options.receipts) };
  const since = await Promise.all((options.since ?? []).map(textOf));
  return { pinned, verifying: { since, job, ...receipts, isTreeOnly, isWithoutContent: !content } };
}

async function verify(
  source: LogSource,
  own: OwnWord,
  { pinned, verifying }: Awaited<ReturnType<typeof prepare>>,
  telling: Omit<Telling, 'isWhole'>,
  findings: Findings,
): Promise<AuditReport> {
  const key = pinned.key ?? (await findings.within(own.key));
  const policy = pinned.policy ?? (await findings.within(own.policy));
  if (!key) return unverified(findings);
  const trust = { key, policy: policy ?? NO_WITNESSES };
  return verifyAudit(source, trust, { ...verifying, ...telling }, findings);
}

/** What somebody pins. @throws verifierKeyInvalid, witnessPolicyInvalid, dataFileMissing, storageFailed */
export async function pinnedOf({ key, policy }: Pick<VerifyExportOptions, 'key' | 'policy'>) {
  const text =
    key === undefined || /^[^+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/.test(key) ? key : await textOf(key);
  return {
    key: text === undefined ? undefined : await parseVerifierKey(lineOf(text)),
    policy: policy === undefined ? undefined : await parseWitnessPolicy(await textOf(policy)),
  };
}

/** By the word of the folder. @throws exportMalformed, verifierKeyInvalid */
export async function keyOf(folder: FolderSource): Promise<VerifierKey> {
  const text = await folder.text('log.vkey');
  if (text === undefined)
    throw new HanseError('exportMalformed', { path: 'log.vkey', reason: 'it is not there' });
  return parseVerifierKey(lineOf(text));
}

/** By the word of the folder; undefined where it has none. @throws exportMalformed, witnessPolicyInvalid */
export async function policyOf(folder: FolderSource): Promise<WitnessPolicy | undefined> {
  const text = await folder.text('witness-policy');
  return text === undefined ? undefined : parseWitnessPolicy(text);
}

/** Without its line end. */
export function lineOf(text: string): string {
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
    if (!isProblem(error)) throw missingOr(file, error);
    const expected = `a receipt in each line: line ${receipts.length + 1} is none`;
    throw new HanseError('invalidFormat', { where: file, expected }, { cause: error });
  }
  return receipts;
}

function missingOr(file: string, error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? new HanseError('dataFileMissing', { file }) : fileProblem(file, error);
}
