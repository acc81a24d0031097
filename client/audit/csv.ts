/**
 * A line of CSV (RFC 4180) that a spreadsheet shows and does not compute: what begins as a formula would gets an apostrophe before
 * it, also where it begins with a full-width form that is read as one (OWASP, CSV injection). Every field is quoted.
 */

/** = + - @, their full-width, small, superscript and mathematical forms; tab, carriage return and line feed. */
const FORMULA =
  /^[\p{Z}\p{Cf}]*[=+\-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20\uFE66\uFE62\uFE63\uFE6B\u207A\u207B\u207C\u208A-\u208C\u2212]/u;

/** Without its line end. */
export function csvLine(fields: readonly string[]): string {
  return fields.map(csvField).join(',');
}

function csvField(text: string): string {
  const shown = FORMULA.test(text) ? `'${text}` : text;
  return `"${shown.replaceAll('"', '""')}"`;
}
