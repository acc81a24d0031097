import { defineConfig } from 'vitest/config';

/** `npm run faults`: the whole table of faults and phases, whose results it writes. `npm test` runs a part of it. */
export default defineConfig({
  resolve: { conditions: ['hanse-source', 'node'] },
  ssr: { resolve: { conditions: ['hanse-source', 'node'] } },
  test: {
    include: ['test/e2e/fault-table.test.ts'],
    env: { HANSE_FAULTS: 'whole' },
    hookTimeout: 120_000,
  },
});
