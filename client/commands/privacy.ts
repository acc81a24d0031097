/**
 * `hanse privacy account`: what events cost by each accountant, or how much noise is sufficient, for questions that come
 * as lines of JSON. Every line has its answer, refusals too.
 */
import { answerQuestion, refusalOf } from '../../protocol/dp/answer-question.ts';
import { HanseError } from '../../protocol/problem.ts';
import { type CommandDefinition, defineCommand } from '../../schemas/command.ts';
import type { PrivacyAnswer } from '../../schemas/privacy-account.ts';

const LINE_LIMIT_BYTES = 4 * 1024 * 1024;

/** @param input where the questions come from; read once the command runs */
export function privacyAccountCommand(
  input: () => AsyncIterable<Uint8Array> = () => process.stdin,
): CommandDefinition<object> {
  return defineCommand<object>({
    summary: 'what a privacy event costs by each accountant: questions are lines of JSON on standard input',
    options: [],
    examples: [
      ['hanse privacy account --json', 'one answer for each line, as a line'],
      ['hanse privacy account', 'the same, for people'],
    ],
    async run(_, io) {
      // The last answer is the result, and the command line prints that by itself.
      let last: PrivacyAnswer | undefined;
      for await (const line of textLines(input())) {
        if (io.signal.aborted) throw new HanseError('interrupted');
        if (line.trim() === '') continue;
        if (last) io.event(last);
        last = answerOf(line);
        io.print(described(last));
      }
      if (last) return last;
      throw new HanseError('usage', {
        reason: 'standard input holds no question: one line of JSON for each',
      });
    },
  });
}

function answerOf(line: string): PrivacyAnswer {
  let question: unknown;
  try {
    question = JSON.parse(line);
  } catch {
    return { id: null, ...refusalOf(new HanseError('invalidFormat', { where: 'line', expected: 'JSON' })) };
  }
  return answerQuestion(question);
}

/**
 * Lines without their ends; the last one needs none.
 * @throws `invalidFormat` for a line that is longer than may be
 */
async function* textLines(parts: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let begun = '';
  for await (const part of parts) {
    const lines = (begun + decoder.decode(part, { stream: true })).split('\n');
    begun = lines.pop() ?? '';
    yield* lines;
    if (begun.length > LINE_LIMIT_BYTES)
      throw new HanseError('invalidFormat', {
        where: 'line',
        expected: `at most ${LINE_LIMIT_BYTES} characters`,
      });
  }
  yield begun + decoder.decode();
}

function described(answer: PrivacyAnswer): string {
  const { id, neighbouring, rdp, pld, noiseMultiplier, epsilon, refused, reason } = answer;
  const told = `${id ?? '(no id)'}: `;
  if (refused) return `${told}refused, ${refused}: ${reason}`;
  if (noiseMultiplier !== undefined)
    return `${told}noise multiplier ${noiseMultiplier} gives epsilon ${epsilon} (${neighbouring})`;
  const figures = Object.entries({ rdp, pld }).flatMap(([accountant, figure]) =>
    Object.entries(figure?.epsilon ?? {}).map(
      ([delta, value]) => `epsilon ${value} at delta ${delta} by ${accountant}`,
    ),
  );
  return `${told}${figures.join('; ')} (${neighbouring})`;
}
