/**
 * The form of what a store takes: names, numbers, times and JSON data, checked the same way by every implementation
 * of `Store`, so that none accepts what another would refuse. Everything here throws `invalidFormat`.
 */
import { HanseError } from '../../protocol/problem.ts';
import type { NewEvent } from './store.ts';

/** An event whose form has been checked, with its data as JSON text. */
export interface EncodedEvent {
  readonly type: string;
  readonly version: number;
  readonly data: string;
}

const NAME = /^[\x21-\x7e]{1,256}$/;
const PREFIX = /^[\x21-\x7e]{0,256}$/;

/**
 * Checks the name of a stream, a scope, a key or an event type. Printable ASCII only: such names sort alike in
 * JavaScript, SQLite and PostgreSQL, and no two of them look the same.
 */
export function checkName(where: string, name: string): void {
  if (typeof name !== 'string' || !NAME.test(name))
    throw new HanseError('invalidFormat', { where, expected: '1 to 256 printable ASCII characters' });
}

/** Checks the beginning of a name; unlike a name it may be empty. */
export function checkPrefix(where: string, prefix: string): void {
  if (typeof prefix !== 'string' || !PREFIX.test(prefix))
    throw new HanseError('invalidFormat', { where, expected: '0 to 256 printable ASCII characters' });
}

/** The least string that is greater than every name starting with `prefix`: no name holds the character 0x7f. */
export function afterPrefix(prefix: string): string {
  return `${prefix}\x7f`;
}

/** Checks a count or a sequence: an integer from `least` to 2^53 - 1. */
export function checkInteger(where: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw new HanseError('invalidFormat', { where, expected: `an integer of at least ${least}` });
}

/** ISO 8601 in UTC with milliseconds. */
export function encodeTime(where: string, time: Date): string {
  if (Number.isNaN(time.getTime()))
    throw new HanseError('invalidFormat', { where, expected: 'a valid date' });
  return time.toISOString();
}

/** Checks events and makes their data into text. */
export function encodeEvents(events: readonly NewEvent[]): EncodedEvent[] {
  return events.map(({ type, version, data }, i) => {
    checkName(`events[${i}].type`, type);
    checkInteger(`events[${i}].version`, version, 1);
    return { type, version, data: encodeData(`events[${i}].data`, data) };
  });
}

function encodeData(where: string, data: unknown): string {
  let text: string | undefined;
  let reason: unknown;
  try {
    text = JSON.stringify(data);
  } catch (error) {
    reason = error; // a cycle, a bigint, or a toJSON that throws
  }
  if (text === undefined)
    throw new HanseError('invalidFormat', { where, expected: 'a JSON value' }, { cause: reason });
  return text;
}

/** Checks the arguments of `claimOnce`; returns its times in milliseconds since 1970. */
export function checkClaim(
  scope: string,
  key: string,
  until: Date,
  now: Date,
): { until: number; now: number } {
  checkName('scope', scope);
  checkName('key', key);
  if (!(until.getTime() > now.getTime()))
    throw new HanseError('invalidFormat', { where: 'until', expected: 'a time after now' });
  return { until: until.getTime(), now: now.getTime() };
}
