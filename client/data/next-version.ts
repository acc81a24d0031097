/**
 * The version of a data set behind another: the number at its end is one more, or there is one.
 */
import type { DataSetVersion } from '../../schemas/ids.ts';

/** `7` from `6`, `2026-10` from `2026-9`, `spring.2` from `spring`; at most 64 characters, as every version. */
export function nextVersion(version: DataSetVersion): DataSetVersion {
  const [, before = '', number] = /^(.*?)(\d{1,15})?$/.exec(version) ?? [];
  if (number === undefined) return `${version.slice(0, 62)}.2`;
  const next = `${before}${String(Number(number) + 1).padStart(number.length, '0')}`;
  return next.length > 64 ? '1' : next;
}
