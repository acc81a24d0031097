import { defineConfig } from 'vitest/config';

/**
 * `unit` is what `npm run check` runs; `slow` holds the suites that start processes or train for seconds.
 *
 * Unit tests share two processes, whose modules are loaded once and not for each of some 200 files: that halves the
 * processor time. A test therefore puts back what it changes outside of its file: environment, folder, globals.
 */
export default defineConfig(({ mode }) => ({
  test: {
    // `npm run faults` runs the whole table of faults and phases and writes its results; `npm test` a part of it.
    env: mode === 'faults' ? { HANSE_FAULTS: 'whole' } : {},
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        resolve: { conditions: ['hanse-source', 'node'] },
        ssr: { resolve: { conditions: ['hanse-source', 'node'] } },
        test: {
          name: 'unit',
          isolate: false,
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/**/*.slow.test.ts'],
        },
      },
      {
        extends: true,
        resolve: { conditions: ['hanse-source', 'node'] },
        ssr: { resolve: { conditions: ['hanse-source', 'node'] } },
        test: {
          name: 'slow',
          include: ['test/e2e/**/*.test.ts', 'test/**/*.slow.test.ts'],
          globalSetup: ['test/browser/set-up.ts'],
        },
      },
    ],
  },
}));
