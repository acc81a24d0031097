/**
 * Problems on their way between the page and its worker: what comlink throws on the other side is the same `HanseError`,
 * with code, particulars and remedy. Both sides install it before the first call.
 */
import { type TransferHandler, transferHandlers } from 'comlink';
import { HanseError, isProblemCode, type ProblemCode } from '../../protocol/problem.ts';

/** As comlink hands over what was thrown. */
interface Thrown {
  readonly value: unknown;
}

/** A problem as plain data. */
export interface SentProblem {
  readonly hanse: ProblemCode;
  readonly detail: unknown;
}

/** Undefined for what is no problem. */
export function sentProblem(error: unknown): SentProblem | undefined {
  return error instanceof HanseError
    ? { hanse: error.code, detail: { ...(error.detail as object) } }
    : undefined;
}

/** Undefined for what is none. */
export function receivedProblem(sent: unknown): HanseError | undefined {
  const { hanse, detail } = (sent ?? {}) as Partial<SentProblem>;
  return typeof hanse === 'string' && isProblemCode(hanse)
    ? new HanseError<ProblemCode>(hanse, detail as never)
    : undefined;
}

/** @param handlers those of comlink, whose handler of what is thrown is put in the place of */
export function installProblemTransfer(
  handlers: Map<string, TransferHandler<unknown, unknown>> = transferHandlers,
): void {
  const usual = handlers.get('throw');
  if (!usual) throw new Error('unreachable: comlink knows how to throw');
  handlers.set('throw', {
    canHandle: (value): value is unknown => usual.canHandle(value),
    serialize: (thrown) => {
      const problem = sentProblem((thrown as Thrown).value);
      return problem ? [problem, []] : usual.serialize(thrown);
    },
    deserialize: (sent) => {
      const problem = receivedProblem(sent);
      if (problem) throw problem;
      return usual.deserialize(sent);
    },
  });
}
