/**
 * Answers that many are given: each is written once, and all are sent the same bytes.
 *
 * Why: a roster of a hundred is 70 KB of JSON, and all of a cohort are told of it in one moment.
 */

const written = new WeakMap<object, Buffer | undefined>();

/** From now on this very object is written once. It must be of the form that its route answers with, and not change. */
export function sharedAnswer<Answer extends object>(answer: Answer): Answer {
  written.set(answer, undefined);
  return answer;
}

/** The JSON of an answer that is shared; undefined of any other. Read-only. */
export function bytesOfShared(answer: object): Buffer | undefined {
  if (!written.has(answer)) return undefined;
  const bytes = written.get(answer) ?? Buffer.from(JSON.stringify(answer));
  written.set(answer, bytes);
  return bytes;
}
