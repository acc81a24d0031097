/** A module of a test as a page, in which suites that it imports find a `vitest` that runs there. */
import { bundlePage } from '../../sim/browser/bundle-page.ts';

/** @param entry a module of this folder, whose exports `entryOf` calls */
export function bundle(entry: URL): Promise<Map<string, Uint8Array>> {
  const here = (file: string) => new URL(file, import.meta.url);
  const replaced = { vitest: here('./vitest-in-page.ts'), 'node:crypto': here('./node-in-page/crypto.ts') };
  return bundlePage(entry, { replaced });
}
