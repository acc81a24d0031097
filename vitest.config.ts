import { defineConfig } from 'vitest/config';

/** Suites that want a browser, or modules that nobody loaded before, because they put others in their place. */
const ALONE = [
  'test/e2e/**/*.test.ts',
  'test/{browser,sim/bench}/**/*.slow.test.ts',
  'test/sim/fuzz/planted*.slow.test.ts',
];

/**
 * `unit` is what `npm run check` runs. What takes longer is called `*.slow.test.ts`: suites that wait, fill disks, derive
 * keys from passphrases, speak HTTP by the hundred or train for seconds. Those that need a process or a browser of their
 * own are the project `slow`, the others `integration`.
 *
 * Tests of `unit` and `integration` share two processes each, whose modules are loaded once and not for each of some 300
 * files: that halves the processor time. A test therefore puts back what it changes outside of its file: environment,
 * folder, globals.
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
          name: 'integration',
          isolate: false,
          include: ['test/**/*.slow.test.ts'],
          exclude: ALONE,
        },
      },
      {
        extends: true,
        resolve: { conditions: ['hanse-source', 'node'] },
        ssr: { resolve: { conditions: ['hanse-source', 'node'] } },
        test: {
          name: 'slow',
          include: ALONE,
          // Its processes wait for each other more than they compute: two at a time leave half of two cores idle.
          maxWorkers: 3,
          // Beyond what a process of theirs is waited for (`test/e2e/hanse-process.ts`), which then tells what it said.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          sequence: { groupOrder: 1 },
          globalSetup: ['test/browser/set-up.ts'],
        },
      },
    ],
  },
}));
