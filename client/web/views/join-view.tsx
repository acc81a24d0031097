/** The invite: what the link says, and the name under which this browser joins. */
import type { PageState } from '../page-state.ts';
import { texts } from '../texts/language.ts';
import { submitted } from './submitted.ts';

export function JoinView({ state }: { readonly state: PageState }) {
  const t = texts.value.join;
  const invite = state.invite.value;
  const isBusy = state.isBusy.value;
  if (!invite)
    return (
      <form onSubmit={submitted((fields) => state.readInvite(String(fields.get('link'))))}>
        <p>{t.noLink}</p>
        <label>
          {t.link}
          <input name="link" required autocomplete="off" />
        </label>
        <button type="submit" disabled={isBusy}>
          {t.read}
        </button>
      </form>
    );
  return (
    <form onSubmit={submitted((fields) => state.enrol(String(fields.get('name'))))}>
      <h2>{t.heading}</h2>
      <dl>
        <dt>{t.server}</dt>
        <dd>{invite.server}</dd>
        <dt>{t.federation}</dt>
        <dd>{invite.federationId}</dd>
        <dt>{t.organisation}</dt>
        <dd>{invite.organisationId}</dd>
        <dt>{t.role}</dt>
        <dd>{t.roles[invite.role]}</dd>
      </dl>
      <p>{t.key}</p>
      <label>
        {t.name}
        <input name="name" required maxLength={100} autocomplete="off" />
      </label>
      <button type="submit" disabled={isBusy}>
        {t.enrol}
      </button>
    </form>
  );
}
