/**
 * What statistics read of a data set: for each row whose it is, and one value or one key.
 */

/** Two columns of a table. */
export interface PersonColumn {
  /** [rows] whoever has the same name is one person. */
  readonly persons: readonly string[];
  /** [rows] NaN where a row has no value. */
  readonly values: Float64Array;
}

/** Two columns of a table, one of names. */
export interface KeyColumn {
  /** [rows] */
  readonly persons: readonly string[];
  /** [rows] undefined where a row has no key. */
  readonly keys: readonly (string | undefined)[];
}
