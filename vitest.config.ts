import { defineConfig } from 'vitest/config';

/** `unit` is what `npm run check` runs; `slow` holds the suites that start processes or train for seconds. */
export default defineConfig({
  test: {
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
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/**/*.slow.test.ts'],
        },
      },
      {
        extends: true,
        resolve: { conditions: ['hanse-source', 'node'] },
        ssr: { resolve: { conditions: ['hanse-source', 'node'] } },
        test: { name: 'slow', include: ['test/e2e/**/*.test.ts', 'test/**/*.slow.test.ts'] },
      },
    ],
  },
});
