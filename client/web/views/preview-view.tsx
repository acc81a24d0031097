/** What is in the data that were chosen. Names and cells come from files, whoever wrote them, and are shown as text. */
import { bytesText } from '../amounts.ts';
import type { DataPreview, PreviewNote } from '../data-preview.ts';
import { texts } from '../texts/language.ts';

/** A table may have thousands. */
const COLUMNS_SHOWN = 50;
/** Of a row. */
const CELLS_SHOWN = 30;

export function PreviewView({ preview }: { readonly preview: DataPreview }) {
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
            {preview.columns.slice(0, COLUMNS_SHOWN).map(({ name, type, missing, isLabel }) => (
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
        <pre>{preview.sample.map((row) => row.slice(0, CELLS_SHOWN).join('  ')).join('\n')}</pre>
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
    case 'columnsUnused':
      return t.columnsUnused(note.columns.join(', '));
    case 'labelsNumbered':
      return t.labelsNumbered(note.labels.join(', '));
    case 'mixedTypes':
      return t.mixedTypes(note.column);
    default:
      note satisfies never;
      throw new Error('unreachable');
  }
}
