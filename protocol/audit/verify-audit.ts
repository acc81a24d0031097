/**
 * The whole verification of an audit log by somebody who trusts nobody but a key: SPEC.md 13.8. Checkpoint and witnesses, the
 * tree, what its entries say, and the rounds of its jobs from what they name.
 */
import type { AuditedJob, AuditReport } from '../../schemas/audit-report.ts';
import { toHex } from '../bytes.ts';
import { HanseError } from '../problem.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { Findings } from './findings.ts';
import { auditJob, type TellRound } from './job-audit.ts';
import { LogAudit, type LogAuditOptions } from './log-audit.ts';
import type { LogSource } from './log-source.ts';
import { SaltAudit } from './salt-audit.ts';
import { type Trust, verifyHead } from './verify-head.ts';
import { verifySince, verifyTree } from './verify-log.ts';

export interface VerifyOptions extends LogAuditOptions {
  /** Older checkpoints, as signed notes; attacker-controlled. */
  readonly since?: readonly string[];
  /** Whether entries are looked at; else it is the tree alone, of a log of anybody. */
  readonly isTreeOnly?: boolean;
  /** Whether rounds are not looked at: of a log without content. */
  readonly isWithoutContent?: boolean;
  /** Told of every so many entries. */
  readonly progress?: (leaf: number, size: number) => void;
  readonly tellRound?: TellRound;
}

/** Entries between two calls of `progress`. */
const EVERY = 65_536;

/**
 * @param source of attacker-controlled content
 * @param findings already taken down, and what is added to them
 * @throws what the transport throws
 */
export async function verifyAudit(
  source: LogSource,
  trust: Trust,
  {
    since = [],
    isTreeOnly = false,
    isWithoutContent = false,
    progress = () => {},
    ...options
  }: VerifyOptions = {},
  findings = new Findings(),
): Promise<AuditReport> {
  const head = await findings.within(async () => verifyHead(await source.checkpoint(), trust, findings));
  if (!head) return unverified(findings);
  const { checkpoint, witnesses } = head;
  const { origin, size, root } = checkpoint;
  const read = source.tile.bind(source);
  const ofEntries = new Findings();
  const audit = new LogAudit(origin, ofEntries, options);
  const salts = source.salts && new SaltAudit(source.salts(), ofEntries);
  const before = findings.all.length;
  try {
    await verifyTree(read, checkpoint, findings, async (leaf, bytes) => {
      if (leaf % EVERY === 0) progress(leaf, size);
      if (isTreeOnly) return;
      if (audit.add(leaf, bytes)) await salts?.add(leaf, bytes);
    });
    if (!isTreeOnly) await salts?.end();
  } finally {
    await salts?.close();
  }
  const isWhole = findings.all.length === before;
  for (const older of isWhole ? since : [])
    await findings.within(async () => verifySince(read, checkpoint, await olderOf(older, trust)));
  // Of a tree that is not the signed one nothing is to be told but that.
  const jobs: AuditedJob[] = [];
  if (isWhole && !isTreeOnly) {
    audit.end();
    findings.take(ofEntries);
    if (!isWithoutContent) jobs.push(...(await auditJobs(source, audit, findings, options)));
  }
  const verified = findings.all.length === 0;
  const receipts = options.receipts && { receipts: options.receipts.length };
  return { verified, origin, size, root: toHex(root), witnesses, jobs, ...receipts, findings: findings.all };
}

/** Where there is no checkpoint that is to be believed. */
export function unverified({ all: findings }: Findings): AuditReport {
  const witnesses = { cosigned: 0, needed: 0, total: 0 };
  return { verified: false, origin: null, size: null, root: null, witnesses, jobs: [], findings };
}

function olderOf(since: string, { key }: Trust): Promise<Checkpoint> {
  return readCheckpoint(since, key);
}

async function auditJobs(
  source: LogSource,
  { jobs, federation }: LogAudit,
  findings: Findings,
  { job, tellRound }: VerifyOptions,
): Promise<AuditedJob[]> {
  const asked = job === undefined ? [...jobs.values()] : [jobs.get(job)];
  const audited: AuditedJob[] = [];
  for (const one of asked) {
    if (one && federation) audited.push(await auditJob(source, federation, one, findings, tellRound));
    else if (one)
      findings.add(
        new HanseError('leafContradicts', { reason: 'nobody has founded a federation' }),
        one.leaf,
      );
    else findings.add(new HanseError('jobUnknown', { jobId: job ?? '' }));
  }
  return audited;
}
