/**
 * The shape of the code. Each rule is shown to catch a break planted into a small sound tree, and to find nothing in
 * that tree, before it is believed about the real one.
 */
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  citations,
  clientRooms,
  constantTime,
  everySourceIsTested,
  fileNames,
  headers,
  importDirection,
  noBarrels,
  noCycles,
  packageOwners,
  pagesWithoutNode,
  purity,
  type Rule,
} from './architecture/rules.ts';
import { readSourceTree, type SourceTree } from './architecture/source-tree.ts';

const HEADER = '/**\n * What it is. SPEC.md sections 1 and 1.1.\n */\n';

/** The smallest tree to which every rule has something to say, and says nothing. */
const SOUND: SourceTree = new Map(
  Object.entries({
    'protocol/SPEC.md': '# Protocol\n\n## 1 First\n\n### 1.1 Of the first\n',
    'cli.ts': `#!/usr/bin/env node\n${HEADER}const { serve } = await import('./server/commands/serve.ts');\nserve();\n`,
    'some.config.ts': 'export default {};\n',
    'schemas/thing.ts': `${HEADER}export interface Thing {\n  readonly at: string;\n}\n`,
    'protocol/rule.ts': `${HEADER}import type { Thing } from '../schemas/thing.ts';\n// Math.random and fetch( are not ours\nexport const read = (thing: Thing) => new Date(thing.at);\n`,
    'protocol/primitives/node.ts': `${HEADER}import { randomFillSync } from 'node:crypto';\nexport const random = { fill: randomFillSync, now: () => Date.now() };\n`,
    'protocol/primitives/web.ts': `${HEADER}export const random = { fill: (a: Uint8Array) => crypto.getRandomValues(a) };\n`,
    'client/graph/graph.ts': `${HEADER}import { read } from '../../protocol/rule.ts';\nexport const graph = read;\n`,
    'client/graph/gen/pb.ts': 'export const generated = 1;\n',
    'client/engine/run.ts': `${HEADER}import 'onnxruntime-web';\nimport { graph } from '../graph/graph.ts';\nexport const run = graph;\n`,
    'client/node.ts': `${HEADER}import { random } from '#primitives';\nimport { run } from './engine/run.ts';\nexport const node = [run, random];\n`,
    'server/app.ts': `${HEADER}import Fastify from 'fastify';\nexport const app = Fastify;\n`,
    'server/store/sqlite.ts': `${HEADER}import { sql } from 'drizzle-orm';\nexport const open = sql;\n`,
    'server/commands/serve.ts': `${HEADER}import type { FastifyInstance } from 'fastify';\nexport const serve = (app?: FastifyInstance) => app;\n`,
    'sim/simulate.ts': `${HEADER}import { node } from '../client/node.ts';\nimport { app } from '../server/app.ts';\nexport const simulate = [node, app];\n`,
    'test/protocol/rule.test.ts':
      "// covers: protocol/primitives/node.ts, protocol/primitives/web.ts, cli.ts\nimport '../../protocol/rule.ts';\n",
    'test/client/node.test.ts':
      "// covers: client/graph/graph.ts, client/engine/run.ts, server/app.ts\nimport '../../client/node.ts';\n",
    'test/sim/simulate.slow.test.ts': '// covers: server/store/sqlite.ts, server/commands/serve.ts\n',
  }),
);

interface Case {
  readonly rule: Rule;
  /** Files added to the sound tree, or put in the place of its own; each followed by the break it makes, or none. */
  readonly planted: readonly (readonly [path: string, text: string, breakFound: string | null])[];
}

const RULES: Readonly<Record<string, Case>> = {
  'imports point from test to schemas, and client and server never at each other': {
    rule: importDirection,
    planted: [
      ['client/a.ts', "import { app } from '../server/app.ts';\n", 'client/a.ts imports server/app.ts'],
      [
        'server/a.ts',
        "export type { node } from '../client/node.ts';\n",
        'server/a.ts imports client/node.ts',
      ],
      [
        'schemas/a.ts',
        "import {\n  read,\n} from '../protocol/rule.ts';\n",
        'schemas/a.ts imports protocol/rule.ts',
      ],
      ['protocol/a.ts', "await import('../sim/simulate.ts');\n", 'protocol/a.ts imports sim/simulate.ts'],
      ['sim/a.ts', "import '../test/client/node.test.ts';\n", 'sim/a.ts imports test/client/node.test.ts'],
      [
        'client/b.ts',
        "new Worker(new URL('../sim/a.ts', import.meta.url));\n",
        'client/b.ts imports sim/a.ts',
      ],
      ['client/c.ts', "import '../cli.ts';\n", 'client/c.ts imports cli.ts'],
      ['test/a.ts', "import '../cli.ts';\nimport '../server/app.ts';\n", null],
    ],
  },
  'client/graph knows no sibling, client/engine only the graph': {
    rule: clientRooms,
    planted: [
      [
        'client/graph/a.ts',
        "import { run } from '../engine/run.ts';\n",
        'client/graph/a.ts imports client/engine/run.ts',
      ],
      [
        'client/engine/a.ts',
        "import type { node } from '../node.ts';\n",
        'client/engine/a.ts imports client/node.ts',
      ],
      ['client/data/a.ts', "import { run } from '../engine/run.ts';\n", null],
    ],
  },
  'drizzle and SQLite stay in server/store, Fastify at the HTTP edge, ONNX Runtime in client/engine': {
    rule: packageOwners,
    planted: [
      [
        'server/a.ts',
        "import { sql } from 'drizzle-orm/sqlite-core';\n",
        'server/a.ts imports drizzle-orm/sqlite-core',
      ],
      ['sim/a.ts', "import Database from 'better-sqlite3';\n", 'sim/a.ts imports better-sqlite3'],
      ['server/b.ts', "import type { FastifyInstance } from 'fastify';\n", 'server/b.ts imports fastify'],
      [
        'server/commands/a.ts',
        "import swagger from '@fastify/swagger';\n",
        'server/commands/a.ts imports @fastify/swagger',
      ],
      ['server/http/a.ts', "import swagger from '@fastify/swagger';\n", null],
      ['server/c.ts', "await import('onnxruntime-node');\n", 'server/c.ts imports onnxruntime-node'],
    ],
  },
  'pure rooms touch neither clock nor randomness, network, timers or platform': {
    rule: purity,
    planted: [
      ['protocol/a.ts', 'export const at = () => Date.now();\n', 'protocol/a.ts touches the clock'],
      ['protocol/b.ts', 'export const at = () => new Date();\n', 'protocol/b.ts touches the clock'],
      ['client/graph/a.ts', 'export const x = Math.random();\n', 'client/graph/a.ts touches randomness'],
      ['schemas/a.ts', "export const x = await fetch('http://x');\n", 'schemas/a.ts touches the network'],
      ['protocol/c.ts', 'setTimeout(() => {}, 1);\n', 'protocol/c.ts touches a timer'],
      [
        'protocol/primitives.ts',
        "import { createHash } from 'node:crypto';\n",
        'protocol/primitives.ts imports node:crypto',
      ],
      ['protocol/d.ts', 'export const x = process.env;\n', 'protocol/d.ts touches the process'],
      ['client/a.ts', 'export const at = () => Date.now();\n', null],
    ],
  },
  'what a page loads needs nothing of Node': {
    rule: pagesWithoutNode,
    planted: [
      ['client/web/a.ts', "import { readFile } from 'node:fs';\n", 'client/web/a.ts imports node:fs'],
      ['client/web/b.ts', "import { c } from '../c.ts';\n", null],
      ['client/c.ts', "await import('./d.ts');\n", null],
      ['client/d.ts', "export { join } from 'node:path';\n", 'client/d.ts imports node:path'],
      ['client/e.ts', "import 'node:net';\n", null],
      ['client/web/f.ts', "import { random } from '#primitives';\n", null],
      ['client/web/g.ts', "import type { E } from 'node:events';\n", null],
    ],
  },
  'no import cycles, not even of types': {
    rule: noCycles,
    planted: [
      ['client/a.ts', "import { b } from './b.ts';\n", null],
      ['client/b.ts', "import type { c } from './c.ts';\n", null],
      [
        'client/c.ts',
        "await import('./a.ts');\n",
        'client/a.ts -> client/b.ts -> client/c.ts -> client/a.ts',
      ],
      ['client/d.ts', "import { d } from './d.ts';\n", 'client/d.ts -> client/d.ts'],
    ],
  },
  'no barrels, and default exports in configuration only': {
    rule: noBarrels,
    planted: [
      ['client/index.ts', "export { node } from './node.ts';\n", 'client/index.ts is a barrel by name'],
      ['client/all.ts', "export * from './node.ts';\n", 'client/all.ts exports what it does not name'],
      ['sim/a.ts', 'export default 1;\n', 'sim/a.ts has a default export'],
      ['sim/b.ts', 'const a = 1;\nexport { a as default };\n', 'sim/b.ts has a default export'],
    ],
  },
  'every source has a test': {
    rule: everySourceIsTested,
    planted: [
      ['client/a.ts', 'export const a = 1;\n', 'client/a.ts has no test'],
      ['client/worker.ts', "import './a.ts';\nself.onmessage = () => {};\n", 'client/worker.ts has no test'],
      ['client/b.ts', 'export type B =\n  | 1\n  | 2;\n', null],
      [
        'test/a.test.ts',
        '// covers: client/gone.ts\n',
        'test/a.test.ts covers client/gone.ts, which is not there',
      ],
    ],
  },
  'every citation of SPEC.md is a heading there': {
    rule: citations,
    planted: [
      ['client/a.ts', '/** SPEC.md 1.2. */\n', 'client/a.ts cites section 1.2'],
      [
        'client/b.ts',
        '/**\n * As in SPEC.md\n * section 1, 1.1 and 9.\n */\n',
        'client/b.ts cites section 9',
      ],
      ['client/c.ts', '/** SPEC.md 1.1; RFC 9421, section 2.5 */\n', null],
    ],
  },
  'every source says what it is': {
    rule: headers,
    planted: [
      ['client/a.ts', "import './b.ts';\n", 'client/a.ts does not say what it is'],
      ['client/c.ts', '/** Short. */\nexport const c = 1;\n', null],
      ['client/b.ts', '// A note, no header.\nexport const b = 1;\n', 'client/b.ts does not say what it is'],
    ],
  },
  'secrets are compared in constant time': {
    rule: constantTime,
    planted: [
      [
        'server/a.ts',
        'export const is = (token: string, sent: string) => token === sent;\n',
        'server/a.ts compares token with sent byte by byte',
      ],
      [
        'server/b.ts',
        'export const is = (a: A) => a.sent !== this.#sessionToken;\n',
        'server/b.ts compares a.sent with this.#sessionToken byte by byte',
      ],
      [
        'server/c.ts',
        'if (toHex(mac) == expected) go();\n',
        'server/c.ts compares toHex(mac) with expected byte by byte',
      ],
      [
        'client/d.ts',
        'export const is = () => expectedMac.equals(given);\n',
        'client/d.ts compares expectedMac with given byte by byte',
      ],
      [
        'client/e.ts',
        'if (headers.cookie === known?.cookieText) go();\n',
        'client/e.ts compares headers.cookie with known?.cookieText byte by byte',
      ],
      [
        'client/f.ts',
        "if (token === undefined || typeof secret !== kind || seed !== null || mac.length !== size) go();\nif (machine === other || tokenSha256 === hash || tokens === both || equalBytes(mac, given) || password === '') go();\n// token === sent\n",
        null,
      ],
    ],
  },
  'every source has a name in kebab-case that names a concept': {
    rule: fileNames,
    planted: [
      ['client/camelCase.ts', '', 'client/camelCase.ts is not in kebab-case'],
      ['client/string-utils.ts', '', 'client/string-utils.ts names no concept'],
      ['server/schema.sqlite.ts', '', null],
    ],
  },
};

const REAL = readSourceTree(fileURLToPath(new URL('..', import.meta.url)));

describe.each(Object.entries(RULES))('%s', (_, { rule, planted }) => {
  test('finds what is planted, and nothing else', () => {
    const broken = new Map([...SOUND, ...planted.map(([path, text]) => [path, text] as const)]);
    const expected = planted.flatMap(([, , breakFound]) => breakFound ?? []);
    expect(rule(SOUND)).toEqual([]);
    expect(expected.length).toBeGreaterThan(0);
    expect(rule(broken).sort()).toEqual(expected.sort());
  });

  test('holds', () => {
    expect(REAL.size).toBeGreaterThan(100);
    expect(rule(REAL)).toEqual([]);
  });
});
