/** How often each label occurs, for the preview of whatever kind of data. */
import type { DataPreview } from '../data-preview.ts';

/** More than a person reads. */
export const LABELS_SHOWN = 100;

/** The most frequent first, of equals in alphabetical order; at most `LABELS_SHOWN`. */
export function countLabels(labels: Iterable<string | number>): DataPreview['labels'] {
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(String(label), (counts.get(String(label)) ?? 0) + 1);
  return [...counts]
    .map(([label, count]) => ({ label, count }))
    .sort((a, b) => b.count - a.count || (a.label < b.label ? -1 : 1))
    .slice(0, LABELS_SHOWN);
}
