/** The name of a column as people read it: `spentBefore` is `spent before`. Pure. */
export function inWords(column: string): string {
  return column.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
