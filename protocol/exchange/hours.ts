/**
 * Hours of the day at which a node works, in the time zone of its owner. SPEC.md section 6.5. Pure: the moment is an
 * argument, and the offsets of a zone are those of the runtime's time-zone database.
 */
import type { HoursWindow, Weekday } from '../../schemas/node-policy.ts';

const MINUTE_MS = 60_000;
const DAY = 1440;
const WEEKDAYS: readonly Weekday[] = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];

/** The search for the next opening looks at every quarter of an hour, where zones change their clocks. */
const QUARTER = 15;

/** The same window opens again after a week at the latest; on the day of a clock change a window may not come at all. */
const HORIZON = 15 * DAY;

interface LocalTime {
  readonly weekday: Weekday;
  /** Minutes since midnight. */
  readonly minute: number;
}

/** Whether the runtime knows this zone. */
export function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/**
 * @param at milliseconds since 1970-01-01 UTC
 * @param windows empty: never
 */
export function isWithinHours(windows: readonly HoursWindow[], timeZone: string, at: number): boolean {
  return isOpen(windows, localTime(formatOf(timeZone), at));
}

/**
 * The first whole minute from `at` on, or `at` itself, at which a window is open; undefined if none opens within two
 * weeks.
 */
export function nextOpening(
  windows: readonly HoursWindow[],
  timeZone: string,
  at: number,
): number | undefined {
  const format = formatOf(timeZone);
  if (isOpen(windows, localTime(format, at))) return at;
  const first = Math.floor(at / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  for (let minutes = 0; minutes < HORIZON; ) {
    const moment = first + minutes * MINUTE_MS;
    const local = localTime(format, moment);
    if (isOpen(windows, local)) return moment;
    const untilStart = Math.min(...windows.map(({ from }) => (minuteOf(from) - local.minute + DAY) % DAY));
    const untilQuarter = QUARTER - ((moment / MINUTE_MS) % QUARTER);
    minutes += Math.max(1, Math.min(untilQuarter, untilStart));
  }
  return undefined;
}

function isOpen(windows: readonly HoursWindow[], local: LocalTime): boolean {
  return windows.some((window) => isInside(window, local));
}

function isInside(window: HoursWindow, { weekday, minute }: LocalTime): boolean {
  const { from, to } = window;
  const weekdays: readonly Weekday[] = window.weekdays ?? WEEKDAYS;
  const [start, end] = [minuteOf(from), minuteOf(to)];
  const yesterday = WEEKDAYS[(WEEKDAYS.indexOf(weekday) + 6) % 7] as Weekday;
  if (start < end) return weekdays.includes(weekday) && minute >= start && minute < end;
  const isEvening = weekdays.includes(weekday) && minute >= start;
  return isEvening || (weekdays.includes(yesterday) && minute < end);
}

function minuteOf(time: string): number {
  return 60 * Number(time.slice(0, 2)) + Number(time.slice(3));
}

/** Throws RangeError for a zone that the runtime does not know. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
}

function localTime(format: Intl.DateTimeFormat, at: number): LocalTime {
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, value]));
  return {
    weekday: (parts.get('weekday') ?? '').toLowerCase() as Weekday,
    minute: 60 * Number(parts.get('hour')) + Number(parts.get('minute')),
  };
}
