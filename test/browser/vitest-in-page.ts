/**
 * What a suite takes from `vitest`, for suites that are bundled into a page: `bundle` puts this module in its place.
 * Suites register as they are loaded; `runAll` runs them in order, one after the other.
 */
import { JestAsymmetricMatchers, JestChaiExpect, JestExtend } from '@vitest/expect';
import * as chai from 'chai';

chai.use(JestExtend);
chai.use(JestChaiExpect);
chai.use(JestAsymmetricMatchers);

export const expect = chai.expect;

/** Types are checked by the compiler; here nothing is left of them. */
export const expectTypeOf: (value: unknown) => unknown = () => NOTHING;
const NOTHING: unknown = new Proxy(() => NOTHING, { get: () => NOTHING });

export interface PageResult {
  /** Titles of the suites and of the test. */
  readonly name: string;
  readonly outcome: 'passed' | 'skipped' | 'failed';
  /** What was thrown. */
  readonly error?: string;
}

type Work = (...values: never[]) => unknown;
type Entry =
  | { readonly type: 'test'; readonly name: string; readonly work: Work; readonly skipped: boolean }
  | { readonly type: 'suite'; readonly suite: Suite };

interface Suite {
  readonly name: string;
  readonly entries: Entry[];
  readonly hooks: Record<'beforeAll' | 'afterAll' | 'beforeEach' | 'afterEach', Work[]>;
}

function suiteOf(name: string): Suite {
  return { name, entries: [], hooks: { beforeAll: [], afterAll: [], beforeEach: [], afterEach: [] } };
}

const root = suiteOf('');
let current = root;

export const beforeAll = (work: Work) => void current.hooks.beforeAll.push(work);
export const afterAll = (work: Work) => void current.hooks.afterAll.push(work);
export const beforeEach = (work: Work) => void current.hooks.beforeEach.push(work);
export const afterEach = (work: Work) => void current.hooks.afterEach.push(work);

function declareTest(name: string, work: Work, skipped = false): void {
  current.entries.push({ type: 'test', name, work, skipped });
}

function declareSuite(name: string, declare: () => void): void {
  const suite = suiteOf(name);
  const outer = current;
  outer.entries.push({ type: 'suite', suite });
  current = suite;
  declare();
  current = outer;
}

/** `%s`, `%d`, `%j` and `$property` of a title. */
function titled(title: string, row: readonly unknown[]): string {
  const [first] = row;
  let at = 0;
  return title
    .replace(/%([sdj])/g, (_, how) => (how === 'j' ? JSON.stringify(row[at++]) : String(row[at++])))
    .replace(/\$(\w+)/g, (whole, name) =>
      typeof first === 'object' && first !== null && name in first
        ? String((first as Record<string, unknown>)[name])
        : whole,
    );
}

const each =
  (declare: (name: string, work: () => unknown) => void) =>
  (rows: readonly unknown[]) =>
  (title: string, work: (...values: unknown[]) => unknown) => {
    for (const row of rows) {
      const values = Array.isArray(row) ? row : [row];
      declare(titled(title, values), () => work(...values));
    }
  };

export const test = Object.assign((name: string, work: Work) => declareTest(name, work), {
  each: each(declareTest),
  skip: (name: string, work: Work) => declareTest(name, work, true),
  skipIf: (condition: unknown) => (name: string, work: Work) => declareTest(name, work, Boolean(condition)),
  runIf: (condition: unknown) => (name: string, work: Work) => declareTest(name, work, !condition),
});
export const it = test;
export const describe = Object.assign(declareSuite, { each: each(declareSuite as never) });

/** Runs what has been registered, once. @param tell is called with the name of each test as it begins */
export async function runAll(tell: (name: string) => void = () => {}): Promise<PageResult[]> {
  const results: PageResult[] = [];
  const run = async (suite: Suite, titles: readonly string[], around: readonly Suite[]) => {
    const within = [...around, suite];
    for (const work of suite.hooks.beforeAll) await work();
    for (const entry of suite.entries) {
      if (entry.type === 'suite') {
        await run(entry.suite, [...titles, entry.suite.name], within);
        continue;
      }
      const name = [...titles, entry.name].join(' > ');
      tell(name);
      if (entry.skipped) results.push({ name, outcome: 'skipped' });
      else results.push({ name, ...(await outcomeOf(entry.work, within)) });
    }
    for (const work of suite.hooks.afterAll) await work();
  };
  await run(root, [], []);
  return results;
}

async function outcomeOf(work: Work, suites: readonly Suite[]): Promise<Omit<PageResult, 'name'>> {
  try {
    for (const { hooks } of suites) for (const hook of hooks.beforeEach) await hook();
    await work();
    for (const { hooks } of suites) for (const hook of hooks.afterEach) await hook();
    return { outcome: 'passed' };
  } catch (error) {
    return { outcome: 'failed', error: error instanceof Error ? `${error.stack ?? error}` : String(error) };
  }
}
