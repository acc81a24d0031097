/**
 * The public seed of an attempt's rotation. SPEC.md 5.9.
 *
 *   seed = SHA-256( "HANSE rotation" || 00 || manifestSha256 || 00 || jobId || 00 || round || 00 || attempt )
 *
 * All who take part in the attempt know it, and need to: their updates are added. It is another one in each attempt, so
 * that what one rotation happens to serve badly is not served so again.
 */
import { primitives } from '#primitives';
import type { JobId, Sha256 } from '../../schemas/ids.ts';
import { utf8 } from '../bytes.ts';

/** What an attempt is known by. */
export interface AttemptName {
  readonly manifestSha256: Sha256;
  readonly jobId: JobId;
  readonly round: number;
  readonly attempt: number;
}

/** 32 bytes. */
export function rotationSeed({ manifestSha256, jobId, round, attempt }: AttemptName): Promise<Uint8Array> {
  return primitives.sha256(utf8(`HANSE rotation\0${manifestSha256}\0${jobId}\0${round}\0${attempt}`));
}
