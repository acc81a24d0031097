/** Signing in, and what somebody who is signed in sees of the own account. What others have written is shown as text. */
import { HanseError, PROBLEMS } from '../../../protocol/problem.ts';
import type { AccountState } from '../account-state.ts';
import { ACCOUNT_TEXTS } from '../texts/account.ts';
import { LANGUAGES, type Language, language } from '../texts/language.ts';

interface Props {
  readonly state: AccountState;
}

export function AccountView({ state }: Props) {
  const t = ACCOUNT_TEXTS[language.value];
  document.documentElement.lang = language.value;
  return (
    <>
      <header class="container">
        <h1>{t.title}</h1>
        <label>
          {t.language}
          <select
            value={language.value}
            onChange={({ currentTarget }) => {
              language.value = currentTarget.value as Language;
            }}
          >
            {Object.entries(LANGUAGES).map(([code, { name }]) => (
              <option key={code} value={code}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </header>
      <main class="container" aria-busy={state.isBusy.value}>
        <Problem state={state} />
        {state.self.value ? <Account state={state} /> : <SignIn state={state} />}
      </main>
    </>
  );
}

function SignIn({ state }: Props) {
  const t = ACCOUNT_TEXTS[language.value];
  const isBusy = state.isBusy.value;
  return (
    <>
      {state.token.value !== undefined && (
        <section>
          <p>{t.linkOnce}</p>
          <button type="button" disabled={isBusy} onClick={() => state.signInByLink()}>
            {t.byLink}
          </button>
        </section>
      )}
      <button type="button" disabled={isBusy} onClick={() => state.signInByPasskey()}>
        {t.byPasskey}
      </button>
    </>
  );
}

function Account({ state }: Props) {
  const t = ACCOUNT_TEXTS[language.value];
  const self = state.self.value;
  if (!self) return null;
  const { person, passkeys, endsAt } = self;
  const isBusy = state.isBusy.value;
  return (
    <>
      <dl>
        <dt>{t.signedInAs}</dt>
        <dd>{`${person.shownAs} (${person.handle})`}</dd>
        <dt>{t.role}</dt>
        <dd>{t.roles[person.role]}</dd>
        <dt>{t.organisation}</dt>
        <dd>{person.organisationId}</dd>
        {endsAt !== null && <dt>{t.until}</dt>}
        {endsAt !== null && <dd>{timeOf(endsAt)}</dd>}
      </dl>
      <h2>{t.passkeys}</h2>
      {passkeys.length === 0 && <p>{t.addFirst}</p>}
      <ul>
        {passkeys.map(({ credentialId, addedAt }) => (
          <li key={credentialId}>
            <code>{credentialId.slice(0, 8)}</code>
            {`, ${t.added} ${timeOf(addedAt)}`}
          </li>
        ))}
      </ul>
      <button type="button" disabled={isBusy} onClick={() => state.addPasskey()}>
        {t.addPasskey}
      </button>
      <h2>{t.sessions}</h2>
      <ul>
        {state.sessions.value.map(({ sessionId, method, openedAt, isThis }) => (
          <li key={sessionId}>
            {`${timeOf(openedAt)}, ${t.methods[method]} `}
            {isThis ? (
              t.thisOne
            ) : (
              <button
                type="button"
                disabled={isBusy}
                aria-label={`${t.end}: ${timeOf(openedAt)}`}
                onClick={() => state.endSession(sessionId)}
              >
                {t.end}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" disabled={isBusy} onClick={() => state.signOut()}>
        {t.signOut}
      </button>
    </>
  );
}

function Problem({ state }: Props) {
  const error = state.problem.value;
  if (error === undefined) return null;
  const t = ACCOUNT_TEXTS[language.value];
  const problem: HanseError | undefined = error instanceof HanseError ? error : undefined;
  const { cause, remedy } = problem ? PROBLEMS[problem.code] : { cause: t.unknown, remedy: t.tryAgain };
  // There is no translation of them.
  const lang = problem ? 'en' : language.value;
  return (
    <div role="alert" class="problem">
      <h2>{t.wrong}</h2>
      <p lang={lang}>{cause}</p>
      <p lang={lang}>{remedy}</p>
      {problem && <code>{problem.code}</code>}
    </div>
  );
}

function timeOf(at: string): string {
  return new Date(at).toLocaleString(language.value);
}
