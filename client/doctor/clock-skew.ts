/**
 * How far the clock of this machine is from that of the coordinator, by the header Date of an answer: RFC 9110, section
 * 6.6.1. It has whole seconds, and the answer was under way.
 */
import type { Finding } from './finding.ts';

/** Beyond, signed requests are refused sooner or later: SPEC.md section 4.4 gives them a minute. */
const TOLERABLE_SECONDS = 30;

export interface DatedAnswer {
  /** Attacker-controlled; undefined where there was none. */
  readonly date: string | undefined;
  /** Milliseconds since 1970, by the clock of this machine. */
  readonly sentAt: number;
  readonly receivedAt: number;
}

export function clockSkew({ date, sentAt, receivedAt }: DatedAnswer): Finding {
  const check = 'clock';
  const remedy = 'Set the clock of this machine (NTP); if it is right, tell the operator.';
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs))
    return { check, ok: false, needed: false, detail: 'the coordinator does not tell its time', remedy };
  // Within a second of what was meant, and within the time for which the answer was under way.
  const [earliest, latest] = [theirs - receivedAt, theirs + 1000 - sentAt];
  const behindMs = earliest > 0 ? earliest : latest < 0 ? latest : 0;
  const seconds = Math.round(Math.abs(behindMs) / 1000);
  const detail =
    seconds === 0
      ? 'that of the coordinator, to the second'
      : `${seconds} s ${behindMs > 0 ? 'behind' : 'ahead of'} that of the coordinator`;
  return { check, ok: seconds <= TOLERABLE_SECONDS, needed: true, detail, remedy };
}
