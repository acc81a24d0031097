/**
 * Runs tests on mutants in a process of its own, which whoever has started it ends where a mutant does not end: told
 * `{"file", "tests", "texts"}` on one line of input, it says `{"at", "killed"}` on a line of output for each text.
 */
import { createInterface } from 'node:readline';
import { createVitest } from 'vitest/node';

const conditions = ['hanse-source', 'node'];
let mutant = { file: '', text: '' };

const vitest = await createVitest(
  'test',
  {
    ...{ config: false, watch: false, include: ['test/**/*.test.ts'], bail: 1, reporters: [{}] },
    ...{ pool: 'threads', maxWorkers: 1, isolate: false, testTimeout: 60_000, hookTimeout: 60_000 },
  },
  {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    plugins: [
      {
        name: 'mutant',
        enforce: 'pre',
        transform: (_, id) => (id === mutant.file ? { code: mutant.text, map: null } : undefined),
      },
    ],
  },
);
for await (const line of createInterface({ input: process.stdin })) {
  const { file, tests, texts } = JSON.parse(line);
  const specifications = await vitest.globTestSpecifications(tests);
  for (const [at, text] of texts.entries()) {
    mutant = { file, text };
    vitest.invalidateFile(file);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
    const killed = unhandledErrors.length > 0 || testModules.some((module) => !module.ok());
    process.stdout.write(`${JSON.stringify({ at, killed, modules: testModules.length })}\n`);
  }
}
await vitest.close();
