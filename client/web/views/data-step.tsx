/** The choice of data. */
import { signal } from '@preact/signals';
import type { DataSelection } from '../data-selection.ts';
import type { PageState } from '../page-state.ts';
import { texts } from '../texts/language.ts';
import { PreviewView } from './preview-view.tsx';
import { selectionOf } from './selection-of.ts';
import { submitted } from './submitted.ts';

type Kind = DataSelection['type'];
const KINDS: readonly Kind[] = ['mnistSample', 'csv', 'idx', 'images'];
const kind = signal<Kind>('mnistSample');
const chosen = signal<DataSelection | undefined>(undefined);

export function DataStep({ state }: { readonly state: PageState }) {
  const t = texts.value.data;
  const preview = state.preview.value;
  const member = state.member.value;
  const selection = chosen.value;
  const look = (fields: FormData) => {
    chosen.value = selectionOf(kind.value, fields);
    state.look(chosen.value);
  };
  return (
    <section>
      <h2>{t.heading}</h2>
      {member && <p>{t.joined(member.name, member.organisationId, member.server)}</p>}
      <p>{t.stays}</p>
      {member?.keyKind === 'sealed' && <p>{texts.value.join.sealed}</p>}
      <form onSubmit={submitted(look)}>
        <label>
          {t.kind}
          <select
            value={kind.value}
            onChange={({ currentTarget }) => {
              kind.value = currentTarget.value as Kind;
              state.preview.value = undefined;
            }}
          >
            {KINDS.map((one) => (
              <option key={one} value={one}>
                {t[one]}
              </option>
            ))}
          </select>
        </label>
        {kind.value === 'csv' && (
          <>
            <Field name="file" label={t.file} type="file" required />
            <Field name="label" label={t.label} />
            <Field name="delimiter" label={t.delimiter} />
            <Field name="encoding" label={t.encoding} />
          </>
        )}
        {kind.value === 'idx' && (
          <>
            <Field name="images" label={t.imagesFile} type="file" required />
            <Field name="labels" label={t.labelsFile} type="file" required />
          </>
        )}
        {kind.value === 'images' && (
          <>
            <Field name="files" label={t.folder} type="file" required webkitdirectory />
            <Field name="height" label={t.height} type="number" min="1" value="28" required />
            <Field name="width" label={t.width} type="number" min="1" value="28" required />
            <label>
              {t.channels}
              <select name="channels">
                <option>1</option>
                <option>3</option>
              </select>
            </label>
          </>
        )}
        <button type="submit" disabled={state.isBusy.value}>
          {t.preview}
        </button>
      </form>
      {preview && <PreviewView preview={preview} />}
      {preview && selection && (
        <button type="button" disabled={state.isBusy.value} onClick={() => state.load(selection)}>
          {t.use}
        </button>
      )}
    </section>
  );
}

function Field({ label, ...input }: { label: string; name: string; [attribute: string]: unknown }) {
  return (
    <label>
      {label}
      <input autocomplete="off" {...input} />
    </label>
  );
}
