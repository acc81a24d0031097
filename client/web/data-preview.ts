/** What was found in the data that a person chose. */

export interface DataPreview {
  readonly name: string;
  readonly rows: number;
  readonly bytes: number;
  readonly inputShape: readonly number[];
  readonly targetShape: readonly number[];
  readonly columns: readonly ColumnPreview[];
  /** Labels and how often each was seen; at most 100. */
  readonly labels: readonly { readonly label: string; readonly count: number }[];
  /** The first rows as text, at most 10. */
  readonly sample: readonly (readonly string[])[];
  /** Guesses that the person should see, such as an encoding or a delimiter. */
  readonly notes: readonly PreviewNote[];
}

export interface ColumnPreview {
  readonly name: string;
  readonly type: 'number' | 'category' | 'mixed' | 'empty' | 'pixel';
  readonly missing: number;
  readonly isLabel: boolean;
}

export type PreviewNote =
  | { readonly type: 'encoding'; readonly encoding: string; readonly isGuess: boolean }
  | { readonly type: 'delimiter'; readonly delimiter: string; readonly isGuess: boolean }
  | { readonly type: 'byteOrderMark' }
  /** Rows without a label are left out. */
  | { readonly type: 'missingLabels'; readonly rows: number }
  /** Columns that are not trained on, because a row has no number there; the first of them. */
  | { readonly type: 'columnsUnused'; readonly columns: readonly string[] }
  /** Labels that are words were numbered in this order; the others must number theirs alike. */
  | { readonly type: 'labelsNumbered'; readonly labels: readonly string[] }
  | { readonly type: 'mixedTypes'; readonly column: string };
