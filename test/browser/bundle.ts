/** A module of a test as a page, in which suites that it imports find a `vitest` that runs there. */
import { bundlePage } from '../../sim/browser/bundle-page.ts';

/** @param entry a module of this folder, whose exports `entryOf` calls */
export function bundle(entry: URL): Promise<Map<string, Uint8Array>> {
  return bundlePage(entry, { replaced: { vitest: new URL('./vitest-in-page.ts', import.meta.url) } });
}
