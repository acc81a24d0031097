/** The exports of a module that `bundle-page.ts` made into a page, called from outside of the browser. */
import type { Page } from 'playwright-core';

export type PageEntry<Entry> = {
  readonly [Name in keyof Entry]: Entry[Name] extends (...given: infer Given) => infer Result
    ? (...given: Given) => Promise<Awaited<Result>>
    : never;
};

/**
 * The exports of a bundled entry, to be called within the page: arguments and results are JSON-like, typed arrays are
 * not. What they throw is thrown here with its message.
 */
export function entryOf<Entry extends object>({ page }: { readonly page: Page }): PageEntry<Entry> {
  const callNamed = (name: string, given: unknown[]) =>
    page.evaluate(
      async ([name, given]) => {
        const { entry } = globalThis as unknown as {
          entry: Promise<Record<string, (...values: unknown[]) => unknown>>;
        };
        const run = (await entry)[name];
        if (run === undefined) throw new Error(`the entry of this page exports no ${name}`);
        return run(...given);
      },
      [name, given] as const,
    );
  const callable = (_: object, name: string | symbol) =>
    // A proxy that is awaited must not look like a promise.
    name === 'then' ? undefined : (...given: unknown[]) => callNamed(String(name), given);
  return new Proxy({}, { get: callable }) as PageEntry<Entry>;
}
