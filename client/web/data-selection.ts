/** What a person chooses as data. */

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
