/** Taking part: what is being done, what it has come to, what was sent, and how to stop. */
import { describeSelfTest } from '../../describe-self-test.ts';
import { bytesText, numberText } from '../amounts.ts';
import type { BudgetState } from '../consent.ts';
import type { PageState } from '../page-state.ts';
import type { Notice, Progress } from '../progress.ts';
import { texts } from '../texts/language.ts';
import { EgressView } from './egress-view.tsx';
import { JobTerms } from './job-terms.tsx';
import { LossChart } from './loss-chart.tsx';

export function LiveView({ state }: { readonly state: PageState }) {
  const { live: t, egress, consent, budget: budgetTexts } = texts.value;
  const progress = state.progress.value;
  const { engine, budget, released, losses, sent, notices } = progress;
  const asked = state.asked.value;
  const jobs = state.description.value?.jobs ?? [];
  return (
    <section>
      <h2>{t.heading}</h2>
      <p aria-live="polite">{nowText(state)}</p>
      {asked && (
        <article>
          <h3>{egress.heading}</h3>
          <EgressView what={asked.what} />
          <button type="button" onClick={() => asked.answer(true)}>
            {egress.send}
          </button>{' '}
          <button type="button" class="secondary" onClick={() => asked.answer(false)}>
            {egress.decline}
          </button>
        </article>
      )}
      <dl>
        <dt>{t.provider}</dt>
        <dd>
          {engine
            ? `${engine.provider}, ${t.threads(engine.threads)}: ${engine.reason}. ${t.warmUp((engine.warmUpMs / 1000).toFixed(1))}`
            : '-'}
        </dd>
        <dt>{t.cryptography}</dt>
        <dd>{engine ? describeSelfTest(engine.selfTest) : '-'}</dd>
        <dt>{t.released}</dt>
        <dd>{released?.round ?? '-'}</dd>
        <dt>{t.accuracy}</dt>
        <dd>{released?.accuracy === undefined ? '-' : `${(100 * released.accuracy).toFixed(1)} %`}</dd>
        <dt>{t.loss}</dt>
        <dd>{released?.loss === undefined ? '-' : numberText(released.loss)}</dd>
        <dt>{budgetTexts.heading}</dt>
        <dd>{budget ? budgetText(budget) : budgetTexts.none}</dd>
        <dt>{t.sent}</dt>
        <dd>{bytesText(progress.bytesUp)}</dd>
        <dt>{t.received}</dt>
        <dd>{bytesText(progress.bytesDown)}</dd>
      </dl>
      {losses.length > 1 && <LossChart losses={losses} name={t.chart} />}
      <p>
        {state.isRunning.value ? (
          <button type="button" onClick={state.pause}>
            {t.pause}
          </button>
        ) : (
          <button type="button" onClick={state.resume}>
            {t.resume}
          </button>
        )}{' '}
        <button type="button" class="secondary" onClick={() => state.leave(false)}>
          {t.leave}
        </button>{' '}
        <button type="button" class="secondary" onClick={() => state.leave(true)}>
          {t.forget}
        </button>
      </p>
      {jobs.length > 0 && (
        <details>
          <summary>{consent.heading}</summary>
          {jobs.map((job) => (
            <JobTerms key={job.jobId} job={job} />
          ))}
        </details>
      )}
      {sent.length > 0 && <h3>{t.updates}</h3>}
      {sent.map((what) => (
        <details key={`${what.jobId}/${what.round}/${what.attempt}`}>
          <summary>{`${what.jobName}, ${t.ofRound(what.round)}: ${bytesText(what.bytes)}`}</summary>
          <EgressView what={what} />
        </details>
      ))}
      {notices.length > 0 && <h3>{t.notices}</h3>}
      <ul>
        {notices.map((notice, i) => (
          <li key={notices.length - i}>{noticeText(notice)}</li>
        ))}
      </ul>
    </section>
  );
}

function budgetText({ epsilon, delta, unit, spent, left }: BudgetState): string {
  const t = texts.value.budget;
  return t.state(numberText(spent), numberText(epsilon), numberText(left), `${delta}`, t.units[unit]);
}

function nowText({ isRunning, isEnding, isOnline, progress }: PageState): string {
  const t = texts.value.live;
  if (!isRunning.value) return t.stopped;
  if (isEnding.value) return t.ending;
  return isOnline.value ? doingText(progress.value) : t.waiting.offline;
}

function doingText({ doing }: Progress): string {
  const t = texts.value.live;
  switch (doing?.type) {
    case undefined:
      return texts.value.loading;
    case 'waiting':
      return t.waiting[doing.why];
    case 'preparing':
      return t.preparing(doing.jobName);
    case 'begun':
      return t.begun(doing.round);
    case 'training':
      return t.training(doing.round, doing.step, doing.steps);
    case 'contributed':
      return t.contributed(doing.round);
    default:
      doing satisfies never;
      throw new Error('unreachable');
  }
}

function noticeText(notice: Notice): string {
  if (notice.type === 'directoryChanged') return texts.value.live.directoryChanged(notice.version);
  const [cause, remedy] = texts.value.problem.known[notice.code] ?? [notice.message, notice.remedy];
  return `${cause} ${remedy} (${notice.code})`;
}
