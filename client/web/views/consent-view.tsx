/** What will be computed and sent, in plain words, before anything is. */
import { purposesOf } from '../consent.ts';
import type { PageState } from '../page-state.ts';
import { texts } from '../texts/language.ts';
import { BudgetChoice, budgetIn } from './budget-choice.tsx';
import { JobTerms } from './job-terms.tsx';
import { submitted } from './submitted.ts';

export function ConsentView({ state }: { readonly state: PageState }) {
  const t = texts.value.consent;
  const description = state.description.value;
  const agree = (fields: FormData) =>
    state.begin({
      allowPlain: fields.has('allowPlain'),
      inspectEach: fields.has('inspectEach'),
      keepModels: fields.has('keepModels'),
      ...budgetIn(fields),
      ...(description && fields.has('onlyThese') && { purposes: purposesOf(description) }),
    });
  return (
    <form onSubmit={submitted(agree)}>
      <h2>{t.heading}</h2>
      <p>{t.rows(description?.rows ?? 0)}</p>
      {description?.jobs.length === 0 && <p>{t.none}</p>}
      {description?.jobs.map((job) => (
        <JobTerms key={job.jobId} job={job} />
      ))}
      <p>{t.later}</p>
      {description && description.jobs.length > 0 && (
        <label>
          <input type="checkbox" name="onlyThese" /> {t.onlyThese}
        </label>
      )}
      <label>
        <input type="checkbox" name="allowPlain" /> {t.allowPlain}
      </label>
      <label>
        <input type="checkbox" name="inspectEach" /> {t.inspectEach}
      </label>
      <label>
        <input type="checkbox" name="keepModels" /> {t.keepModels}
      </label>
      {description && <BudgetChoice description={description} />}
      <button type="submit">{t.agree}</button>
      <button type="button" class="secondary" onClick={state.chooseAgain}>
        {t.chooseAgain}
      </button>
    </form>
  );
}
