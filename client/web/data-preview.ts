/** What a person chose as data, and what was found in it. */

/** Files as the browser gives them, and how they are to be read. */
export type DataSelection =
  | { readonly type: 'mnistSample'; readonly rows: number }
  | {
      readonly type: 'csv';
      readonly file: File;
      /** Absent: guessed from the bytes, and said. */
      readonly encoding?: string;
      /** Absent: guessed. */
      readonly delimiter?: string;
      /** Absent: the last column. */
      readonly label?: string;
      readonly columns?: readonly string[];
    }
  | { readonly type: 'idx'; readonly images: File; readonly labels: File }
  /** Labels are the names of the folders that hold the images. */
  | {
      readonly type: 'images';
      readonly files: readonly File[];
      readonly size: readonly [height: number, width: number];
      readonly channels: 1 | 3;
    };

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
  /** Labels that are words were numbered in this order; the others must number theirs alike. */
  | { readonly type: 'labelsNumbered'; readonly labels: readonly string[] }
  | { readonly type: 'mixedTypes'; readonly column: string };
