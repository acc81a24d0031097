/** The page as a whole: its head, the step that the person is at, and what went wrong. */
import { useEffect } from 'preact/hooks';
import type { PageState } from '../page-state.ts';
import { LANGUAGES, type Language, language, texts } from '../texts/language.ts';
import { ConsentView } from './consent-view.tsx';
import { DataStep } from './data-step.tsx';
import { JoinView } from './join-view.tsx';
import { LiveView } from './live-view.tsx';
import { ProblemView } from './problem-view.tsx';

export function App({ state }: { readonly state: PageState }) {
  const t = texts.value;
  const step = state.step.value;
  const work = state.work.value;
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.title = `Hanse: ${t.title}`;
  }, [t]);
  return (
    <>
      <header class="container">
        <strong>Hanse</strong>
        <label>
          {t.language}{' '}
          <select
            value={language.value}
            onChange={({ currentTarget }) => {
              language.value = currentTarget.value as Language;
            }}
          >
            {Object.entries(LANGUAGES).map(([tag, { name }]) => (
              <option key={tag} value={tag} lang={tag}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </header>
      <main class="container" aria-busy={state.isBusy.value}>
        <h1>{t.title}</h1>
        <ProblemView state={state} />
        <p role="status">{state.isBusy.value ? (work ? t.work[work.what] : t.loading) : ''}</p>
        {work && <progress value={work.fraction} max={1} aria-label={t.work[work.what]} />}
        {step === 'join' && <JoinView state={state} />}
        {step === 'data' && <DataStep state={state} />}
        {step === 'consent' && <ConsentView state={state} />}
        {step === 'live' && <LiveView state={state} />}
        {/* Before there is work too: who was removed, or whose key is unreadable, comes no further. */}
        {step !== 'live' && step !== 'left' && state.isStored.value && !state.isBusy.value && (
          <p>
            <button type="button" class="secondary" onClick={() => state.leave(true)}>
              {t.live.forget}
            </button>
          </p>
        )}
        {step === 'left' && <p>{t.live.left}</p>}
      </main>
    </>
  );
}
