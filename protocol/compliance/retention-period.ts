/**
 * Until when a data set may be used. SPEC.md 6.6. A day or an interval of ISO 8601-1:2019 (5.5.2.4, start and duration), in UTC:
 * the last day counts to its end. Pure.
 */
import type { DataTerms, RetentionPeriod } from '../../schemas/data-terms.ts';

const DAY_MS = 86_400_000;
const FORM = /^(\d{4})-(\d{2})-(\d{2})(?:\/P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?)?$/;

/**
 * The moment from which the data may be used no more, in milliseconds since 1970-01-01 UTC; infinite where it never comes.
 * Undefined where the text names no day that exists. Of a duration months end with their last day: 2024-01-31/P1M is over at
 * the beginning of 2024-02-29.
 */
export function retentionEnd(period: RetentionPeriod): number | undefined {
  if (period === 'unlimited') return Number.POSITIVE_INFINITY;
  const [, ...parts] = FORM.exec(period) ?? [];
  const [year, month, day, years = 0, months = 0, weeks = 0, days = 0] = parts.map((part) =>
    part === undefined ? undefined : Number(part),
  );
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const first = dayAt(year, month - 1, day);
  if (first === undefined) return undefined;
  if (!period.includes('/')) return first + DAY_MS;
  const [toYear, toMonth] = [year + years + Math.floor((month - 1 + months) / 12), (month - 1 + months) % 12];
  const last = new Date(0).setUTCFullYear(toYear, toMonth + 1, 0);
  return Math.min(new Date(0).setUTCFullYear(toYear, toMonth, day), last) + (7 * weeks + days) * DAY_MS;
}

/** What no schema can say of terms: the name of the member, and what is wrong with it. */
export function termsFault({
  lawfulBasis,
  retention,
}: Pick<DataTerms, 'lawfulBasis' | 'retention'>):
  | { readonly member: 'retention'; readonly reason: string }
  | undefined {
  if (retentionEnd(retention) === undefined)
    return { member: 'retention', reason: 'names a day that does not exist' };
  const mayStay = lawfulBasis === 'notPersonal' || lawfulBasis === 'disclosedByPerson';
  if (retention === 'unlimited' && !mayStay)
    return {
      member: 'retention',
      reason: 'is unlimited, which only data with the lawful basis notPersonal or disclosedByPerson can be',
    };
  return undefined;
}

function dayAt(year: number, month: number, day: number): number | undefined {
  const at = new Date(0).setUTCFullYear(year, month, day);
  return new Date(at).getUTCMonth() === month && day > 0 ? at : undefined;
}
