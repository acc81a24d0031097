/** The choice of data, and what is in them. Names and cells come from files and are shown as text. */
import { signal } from '@preact/signals';
import { bytesText } from '../amounts.ts';
import type { DataPreview, PreviewNote } from '../data-preview.ts';
import type { DataSelection } from '../data-selection.ts';
import type { PageState } from '../page-state.ts';
import { texts } from '../texts/language.ts';
import { selectionOf } from './selection-of.ts';
import { submitted } from './submitted.ts';

type Kind = DataSelection['type'];
const KINDS: readonly Kind[] = ['mnistSample', 'csv', 'idx', 'images'];
const kind = signal<Kind>('mnistSample');
const chosen = signal<DataSelection | undefined>(undefined);

export function DataStep({ state }: { readonly state: PageState }) {
  const t = texts.value.data;
  const preview = state.preview.value;
  const selection = chosen.value;
  const look = (fields: FormData) => {
    chosen.value = selectionOf(kind.value, fields);
    state.look(chosen.value);
  };
  return (
    <section>
      <h2>{t.heading}</h2>
      <p>{t.stays}</p>
      {state.member.value?.keyKind === 'sealed' && <p>{texts.value.join.sealed}</p>}
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
            <Field name="height" label={t.height} type="number" value="28" required />
            <Field name="width" label={t.width} type="number" value="28" required />
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
      {preview && <Preview preview={preview} />}
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

function Preview({ preview }: { readonly preview: DataPreview }) {
  const t = texts.value.data;
  const shape = (sizes: readonly number[]) => (sizes.length === 0 ? t.scalar : sizes.join(' × '));
  return (
    <article aria-live="polite">
      <h3>{preview.name}</h3>
      <dl>
        <dt>{t.rows}</dt>
        <dd>{preview.rows}</dd>
        <dt>{t.size}</dt>
        <dd>{bytesText(preview.bytes)}</dd>
        <dt>{t.inputShape}</dt>
        <dd>{shape(preview.inputShape)}</dd>
        <dt>{t.targetShape}</dt>
        <dd>{shape(preview.targetShape)}</dd>
        <dt>{t.labels}</dt>
        <dd>{preview.labels.map(({ label, count }) => `${label}: ${count}`).join(', ')}</dd>
      </dl>
      <ul>
        {preview.notes.map((note, i) => (
          <li key={i}>{noteText(note)}</li>
        ))}
      </ul>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
      <section class="wide" aria-label={t.columns} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{t.column}</th>
              <th scope="col">{t.type}</th>
              <th scope="col">{t.missing}</th>
            </tr>
          </thead>
          <tbody>
            {preview.columns.slice(0, 50).map(({ name, type, missing, isLabel }) => (
              <tr key={name}>
                <th scope="row">{isLabel ? `${name} (${t.isLabel})` : name}</th>
                <td>{t.types[type]}</td>
                <td>{missing}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <h4>{t.first}</h4>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard */}
      <section class="wide" aria-label={t.first} tabIndex={0}>
        <pre>{preview.sample.map((row) => row.slice(0, 30).join('  ')).join('\n')}</pre>
      </section>
    </article>
  );
}

function noteText(note: PreviewNote): string {
  const t = texts.value.data;
  switch (note.type) {
    case 'encoding':
      return t.encodingNote(note.encoding, note.isGuess);
    case 'delimiter':
      return t.delimiterNote(note.delimiter, note.isGuess);
    case 'byteOrderMark':
      return t.byteOrderMark;
    case 'missingLabels':
      return t.missingLabels(note.rows);
    case 'labelsNumbered':
      return t.labelsNumbered(note.labels.join(', '));
    case 'mixedTypes':
      return t.mixedTypes(note.column);
    default:
      note satisfies never;
      throw new Error('unreachable');
  }
}
