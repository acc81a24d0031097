/**
 * Finds, and if need be unpacks, the browser before any suite of the project `slow` starts: vitest's `globalSetup`.
 */
import type { TestProject } from 'vitest/node';
import { type FoundChromium, findChromium, type MissingChromium } from '../../sim/browser/find-chromium.ts';

declare module 'vitest' {
  interface ProvidedContext {
    chromium: FoundChromium | MissingChromium;
  }
}

export function setup(project: TestProject): void {
  const chromium = findChromium();
  if ('missing' in chromium) console.warn(`Suites in a browser are skipped: ${chromium.missing}.`);
  project.provide('chromium', chromium);
}
