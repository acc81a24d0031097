/**
 * How a command tells what went wrong: a problem by its code, cause and remedy; anything else is a bug, and shows where it happened.
 */
import { HanseError, isProblem, PROBLEMS } from '../../protocol/problem.ts';

/** A problem is told by its code, cause and remedy; anything else is a bug and shows where it happened. */
export function describeProblem(error: unknown): string {
  if (isProblem(error))
    return `hanse: ${error.code}: ${printable(error.message)}\n  remedy: ${error.remedy}\n`;
  return `hanse: ${printable(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`;
}

/** What a bug says of itself, and where it happened, is on standard error alone. */
export function problemLine(error: unknown): string {
  const told = isProblem(error) ? error : new HanseError('internalError', { reference: 'standard error' });
  const { code, message, remedy, detail }: HanseError = told;
  const problem = { code, cause: PROBLEMS[code].cause, detail: message, remedy, particulars: detail };
  return `${JSON.stringify({ problem })}\n`;
}

/** Names and reasons may come from other members: nothing in them moves the cursor or turns text round. */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Bidi_Control}]/gu, '\uFFFD');
}
