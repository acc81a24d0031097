/**
 * Whether a privacy ledger goes on from what is known of it: found out is an older copy that was put back, and a second
 * node with the same identity. Each side compares with what it has seen itself.
 */
import { type LedgerHead, type LedgerReport, REPORTED_JOBS_MAX } from '../../schemas/privacy-ledger.ts';

/**
 * As the coordinator sees it.
 * @param known where the ledger ended when the node told it last; null if it never did
 * @param accepted updates that the coordinator has of this node, by jobs that promise privacy and have not ended
 * @returns why it does not; undefined if nothing speaks against it
 */
export function forkOf(
  { head, draws }: LedgerReport,
  known: LedgerHead | null,
  accepted: ReadonlyMap<string, number>,
): string | undefined {
  if (known && head.count < known.count)
    return `it ends with record ${head.count}, and had ${known.count} before`;
  if (known && head.count === known.count && head.hash !== known.hash)
    return `its record ${head.count} was another one before`;
  const drawn = new Map(draws.map((one) => [one.jobId, one.draws]));
  const isWhole = draws.length < REPORTED_JOBS_MAX;
  for (const [jobId, updates] of accepted) {
    const told = drawn.get(jobId) ?? (isWhole ? 0 : updates);
    if (told < updates) return `it has ${told} draws for ${jobId}, from which ${updates} updates came`;
  }
  return undefined;
}
