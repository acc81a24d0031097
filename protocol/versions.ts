/**
 * Which versions this code speaks, and how two sides agree on one. SPEC.md section 2.5.
 */
import { HanseError } from './problem.ts';

export interface VersionRange {
  readonly min: number;
  readonly max: number;
}

/** Versions of the messages between node and coordinator. */
export const PROTOCOL_VERSIONS: VersionRange = { min: 1, max: 1 };

/** Version of this software, as told to the other side; never used to decide anything. */
export const SOFTWARE = 'hanse/0.1.0';

/** Names the version of a request, and in every answer the range of the coordinator: `1` and `1-3`. */
export const VERSION_HEADER = 'hanse-protocol';

/** The highest version in both ranges. Throws `versionUnsupported` where there is none. */
export function negotiateVersion(ours: VersionRange, theirs: VersionRange): number {
  const version = Math.min(ours.max, theirs.max);
  if (version < Math.max(ours.min, theirs.min))
    throw new HanseError('versionUnsupported', { got: formatRange(ours), ...theirs });
  return version;
}

/** @param header attacker-controlled; throws `versionUnsupported` unless it is a version within `range` */
export function checkVersion(header: string | undefined, range: VersionRange): number {
  const version = header !== undefined && /^[1-9][0-9]{0,4}$|^0$/.test(header) ? Number(header) : Number.NaN;
  if (!(version >= range.min && version <= range.max))
    throw new HanseError('versionUnsupported', {
      got: header?.slice(0, 20) ?? 'none',
      min: range.min,
      max: range.max,
    });
  return version;
}

export function formatRange({ min, max }: VersionRange): string {
  return `${min}-${max}`;
}
