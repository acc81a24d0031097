/** A number as people read it: so many significant digits at most, no zeros after them. Pure. */

export function significant(value: number, digits = 4): string {
  return String(Number(value.toPrecision(digits)));
}
