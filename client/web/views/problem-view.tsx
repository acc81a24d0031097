/** What went wrong: its cause, what to do, and the code by which others know it. Markup in it stays text. */
import { HanseError, PROBLEMS } from '../../../protocol/problem.ts';
import type { PageState } from '../page-state.ts';
import { language, texts } from '../texts/language.ts';

export function ProblemView({ state }: { readonly state: PageState }) {
  const error = state.problem.value;
  if (error === undefined) return null;
  const t = texts.value.problem;
  // What is no problem of the table has no code.
  const problem: HanseError | undefined = error instanceof HanseError ? error : undefined;
  const told = problem ? PROBLEMS[problem.code] : { cause: t.unknown, remedy: t.unknownRemedy };
  const known = problem && t.known[problem.code];
  const [cause, remedy] = known ?? [told.cause, told.remedy];
  // Where there is no translation, readers of the screen are told so.
  const lang = known || !problem ? language.value : 'en';
  return (
    <div role="alert" class="problem">
      <h2>{t.heading}</h2>
      <dl>
        <dt>{t.cause}</dt>
        <dd lang={lang}>{cause}</dd>
        {Object.entries((problem?.detail ?? {}) as object).map(([key, value]) => (
          <dd key={key} lang="en">{`${key}: ${String(value)}`}</dd>
        ))}
        <dt>{t.remedy}</dt>
        <dd lang={lang}>{remedy}</dd>
        <dt>{t.code}</dt>
        <dd>
          <code>{problem?.code ?? 'internalError'}</code>
        </dd>
      </dl>
      <button
        type="button"
        onClick={() => {
          state.problem.value = undefined;
        }}
      >
        {t.back}
      </button>
    </div>
  );
}
