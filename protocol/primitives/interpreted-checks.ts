/**
 * Schemas as functions in a page, whose policy forbids code made of strings. TypeBox would find that out by trying, and
 * the browser would report the attempt: nothing is tried here.
 */
import type { TSchema } from 'typebox';
import { Check } from 'typebox/schema';

export function checkBy(schema: TSchema): (value: unknown) => boolean {
  return (value) => Check(schema, value);
}
