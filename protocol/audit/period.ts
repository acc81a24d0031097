/**
 * Days of which somebody asks, as whole days of UTC: a day, a month, a quarter, a year, from one day to another, or all. Moments are
 * those that the coordinator has written into its entries. Pure.
 */
import { HanseError } from '../problem.ts';

export interface Period {
  /** As it was asked for. */
  readonly name: string;
  /** The first day, `2026-11-01`; undefined: from the beginning on. */
  readonly first?: string;
  /** The last day, which is in it. */
  readonly last?: string;
}

const DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

export const ALL: Period = { name: 'all' };

/** @throws usage for what is none, or ends before it begins */
export function parsePeriod(text: string): Period {
  const period = periodOf(text);
  if (!period || (period.first ?? '') > (period.last ?? '9999-12-31'))
    throw new HanseError('usage', {
      reason: `--period is 2026, 2026-Q4, 2026-11, 2026-11-28, 2026-11-01..2026-11-28 or all, in days of UTC; not ${text.slice(0, 60)}`,
    });
  return period;
}

/** @param time RFC 3339, UTC */
export function isWithin({ first, last }: Period, time: string): boolean {
  const day = dayOf(time);
  return (first === undefined || day >= first) && (last === undefined || day <= last);
}

/** The day of UTC of a moment. @param time RFC 3339, UTC */
export function dayOf(time: string): string {
  return time.slice(0, 10);
}

/** `2026-11-01 to 2026-11-30, UTC`. */
export function periodInWords({ first, last }: Period): string {
  if (first === undefined && last === undefined) return 'all that is in the log';
  return `${first ?? 'the beginning'} to ${last ?? 'the end'}, days of UTC`;
}

function periodOf(name: string): Period | undefined {
  if (name === 'all') return ALL;
  const [from = '', to, more] = name.split('..');
  if (more !== undefined) return undefined;
  const [begins, ends] = [spanOf(from), to === undefined ? spanOf(from) : spanOf(to)];
  if (to !== undefined && (from === '' || to === '')) {
    const [first, last] = [begins?.[0], ends?.[1]];
    if (from === '' && last !== undefined) return { name, last };
    return to === '' && first !== undefined ? { name, first } : undefined;
  }
  return begins && ends ? { name, first: begins[0], last: ends[1] } : undefined;
}

type Span = readonly [first: string, last: string];

function spanOf(text: string): Span | undefined {
  const [, year = '', quarter, month, day] = /^(\d{4})(?:-Q([1-4])|-(\d{2})(?:-(\d{2}))?)?$/.exec(text) ?? [];
  if (year === '') return undefined;
  if (quarter !== undefined) return months(year, 3 * Number(quarter) - 2, 3 * Number(quarter));
  if (month === undefined) return months(year, 1, 12);
  if (day === undefined) return months(year, Number(month), Number(month));
  return isDay(text) ? [text, text] : undefined;
}

function months(year: string, from: number, to: number): Span | undefined {
  if (!(from >= 1 && to <= 12)) return undefined;
  const two = (number: number) => String(number).padStart(2, '0');
  return [`${year}-${two(from)}-01`, `${year}-${two(to)}-${two(daysOf(Number(year), to))}`];
}

/** Whether the calendar has it. */
function isDay(text: string): boolean {
  const [, year = '', month = '', day = ''] = DAY.exec(text) ?? [];
  return Number(day) >= 1 && Number(day) <= daysOf(Number(year), Number(month));
}

/** Of a month of a year of the Gregorian calendar; 0 for a month that there is not. */
function daysOf(year: number, month: number): number {
  const isLeap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return month === 2 && isLeap ? 29 : (DAYS[month - 1] ?? 0);
}
