/**
 * HTML out of text that others have written: what is put into a template becomes text, and never a part of the page. Pure.
 */
import { printable } from '../commands/told-problem.ts';

/** HTML that this module has made, or was told to take as it is. */
export class Markup {
  readonly text: string;

  private constructor(text: string) {
    this.text = text;
  }

  /** @param text our own, and nothing that came from elsewhere */
  static of(text: string): Markup {
    return new Markup(text);
  }
}

type Part = Markup | string | number | readonly Markup[];

/** What is no markup is escaped, for elements and for attributes in double quotes. */
export function html(pieces: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return Markup.of(pieces.map((piece, at) => piece + textOf(parts[at])).join(''));
}

function textOf(part: Part | undefined): string {
  if (part === undefined) return '';
  if (part instanceof Markup) return part.text;
  return typeof part === 'object' ? part.map(({ text }) => text).join('') : escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return printable(text).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}
