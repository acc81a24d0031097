/**
 * The rules that keep the rooms apart. Each takes a tree and returns its breaks in words, none if it is sound.
 */
import {
  importsOf,
  isConfig,
  isSource,
  isWithin,
  roomOf,
  type SourceTree,
  SPEC,
  withoutComments,
} from './source-tree.ts';

export type Rule = (tree: SourceTree) => string[];

/** schemas <- protocol <- {client, server} <- sim <- test; the front door, in no room, may import them all. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  schemas: ['schemas'],
  protocol: ['schemas', 'protocol'],
  client: ['schemas', 'protocol', 'client'],
  server: ['schemas', 'protocol', 'server'],
  sim: ['schemas', 'protocol', 'client', 'server', 'sim'],
  test: ['schemas', 'protocol', 'client', 'server', 'sim', 'test', ''],
  '': ['schemas', 'protocol', 'client', 'server', 'sim'],
};

export const importDirection: Rule = (tree) =>
  breaksOfImports(tree, (path, target) => MAY_IMPORT[roomOf(path)]?.includes(roomOf(target)) ?? false);

/** Rooms within the client: the graph is a library of its own, the engine knows that library alone. */
const CLIENT_ROOMS: Readonly<Record<string, readonly string[]>> = {
  'client/graph': ['client/graph'],
  'client/engine': ['client/engine', 'client/graph'],
};

export const clientRooms: Rule = (tree) =>
  breaksOfImports(tree, (path, target) => {
    const room = Object.keys(CLIENT_ROOMS).find((folder) => isWithin(path, [folder]));
    return !room || roomOf(target) !== 'client' || isWithin(target, CLIENT_ROOMS[room] ?? []);
  });

function breaksOfImports(tree: SourceTree, permits: (path: string, target: string) => boolean): string[] {
  return [...tree].flatMap(([path, text]) =>
    importsOf(path, text)
      .flatMap(({ targets }) => targets)
      .filter((target) => !permits(path, target))
      .map((target) => `${path} imports ${target}`),
  );
}

interface Owner {
  readonly packages: RegExp;
  readonly places: readonly string[];
  /** Places that may know the types. */
  readonly typePlaces?: readonly string[];
}

const OWNERS: readonly Owner[] = [
  { packages: /^(drizzle-orm|better-sqlite3)(\/|$)/, places: ['server/store'] },
  {
    packages: /^(fastify|@fastify\/.*)$/,
    places: ['server/app.ts', 'server/http'],
    typePlaces: ['server/commands'],
  },
  // The coordinator never loads a runtime: evaluation is the work of a participant.
  { packages: /^onnxruntime-/, places: ['client/engine'] },
];

export const packageOwners: Rule = (tree) =>
  [...tree]
    .filter(([path]) => isSource(path))
    .flatMap(([path, text]) =>
      importsOf(path, text)
        .filter(({ specifier, isType }) =>
          OWNERS.some(
            ({ packages, places, typePlaces = [] }) =>
              packages.test(specifier) && !isWithin(path, isType ? [...places, ...typePlaces] : places),
          ),
        )
        .map(({ specifier }) => `${path} imports ${specifier}`),
    );

const PURE = ['schemas', 'protocol', 'client/graph'];
/** The files that make primitives and the clock of the machine available. */
const IMPURE = ['protocol/primitives'];
const IMPURITIES: Readonly<Record<string, RegExp>> = {
  'the clock': /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.now\b/,
  randomness: /\bMath\.random\b|\bgetRandomValues\b|\brandomUUID\b/,
  'the network': /\bfetch\s*\(|\bnew WebSocket\b/,
  'a timer': /\b(?:setTimeout|setInterval|setImmediate)\b/,
  'the process': /\bprocess\.|\bBuffer\.(?:from|alloc|concat)/,
};

export const purity: Rule = (tree) =>
  [...tree]
    .filter(([path]) => isSource(path) && isWithin(path, PURE) && !isWithin(path, IMPURE))
    .flatMap(([path, text]) => {
      const code = withoutComments(text);
      const touched = Object.entries(IMPURITIES).filter(([, pattern]) => pattern.test(code));
      const imported = importsOf(path, text).filter(({ specifier }) => specifier.startsWith('node:'));
      return [
        ...touched.map(([what]) => `${path} touches ${what}`),
        ...imported.map(({ specifier }) => `${path} imports ${specifier}`),
      ];
    });

const NODE_ONLY = ['protocol/primitives/node.ts', 'protocol/primitives/compiled-checks.ts'];

/** What a page loads, followed from its sources, needs nothing of Node; where Node has its own, the other is followed. */
export const pagesWithoutNode: Rule = (tree) => {
  const breaks: string[] = [];
  const seen = new Set<string>(NODE_ONLY);
  const visit = (path: string) => {
    if (seen.has(path) || !tree.has(path)) return;
    seen.add(path);
    for (const { specifier, isType, targets } of importsOf(path, tree.get(path) ?? '')) {
      if (isType) continue;
      if (specifier.startsWith('node:')) breaks.push(`${path} imports ${specifier}`);
      targets.forEach(visit);
    }
  };
  for (const path of tree.keys()) if (isSource(path) && isWithin(path, ['client/web'])) visit(path);
  return breaks;
};

/** Types count: a cycle of types is a concept without a place. */
export const noCycles: Rule = (tree) => {
  const cycles: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (path: string, trail: readonly string[]) => {
    if (state.get(path) === 'open') cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
    if (state.has(path)) return;
    state.set(path, 'open');
    const targets = new Set(importsOf(path, tree.get(path) ?? '').flatMap(({ targets }) => targets));
    for (const target of targets) if (tree.has(target)) visit(target, [...trail, path]);
    state.set(path, 'done');
  };
  for (const path of tree.keys()) visit(path, []);
  return cycles;
};

export const noBarrels: Rule = (tree) =>
  [...tree]
    .filter(([path]) => !isPlanting(path))
    .flatMap(([path, text]) => {
      const code = withoutComments(text);
      const hasDefault = /^export default\b|\bas default\b/m.test(code) && !isConfig(path);
      return [
        ...(/(^|\/)index\.tsx?$/.test(path) ? [`${path} is a barrel by name`] : []),
        ...(/^export \*/m.test(code) ? [`${path} exports what it does not name`] : []),
        ...(hasDefault ? [`${path} has a default export`] : []),
      ];
    });

/** A file whose top level holds nothing but imports and types has no behaviour that a test could show. */
function hasCode(text: string): boolean {
  return withoutComments(text)
    .split('\n')
    .some(
      (line) =>
        /^[\w$@([`'"]/.test(line) &&
        !/^(import|export type|export interface|type|interface|declare)\b/.test(line),
    );
}

export const everySourceIsTested: Rule = (tree) => {
  const tests = [...tree].filter(([path]) => /^test\/.*\.test\.tsx?$/.test(path));
  const mirrored = tests.map(([path]) =>
    path.replace(/^test\//, '').replace(/(\.slow)?\.test\.(tsx?)$/, '.$2'),
  );
  const covered = tests.flatMap(([path, text]) => coveredBy(text).map((source) => ({ path, source })));
  const tested = new Set([...mirrored, ...covered.map(({ source }) => source)]);
  return [
    ...[...tree]
      .filter(([path, text]) => isSource(path) && hasCode(text) && !tested.has(path))
      .map(([path]) => `${path} has no test`),
    ...covered
      .filter(({ source }) => !tree.has(source))
      .map(({ path, source }) => `${path} covers ${source}, which is not there`),
  ];
};

function coveredBy(text: string): string[] {
  const [, list] = /^\/\/ covers: (.+)/.exec(text) ?? [];
  return list?.split(',').map((path) => path.trim()) ?? [];
}

const CITATION = /SPEC\.md(?:,? (?:chapters?|sections?))? (\d+(?:\.\d+)?(?:(?:, | and )\d+(?:\.\d+)?\b)*)/g;

/** The test of these rules is full of breaks. */
function isPlanting(path: string): boolean {
  return path === 'test/architecture.test.ts';
}

/** Every section of SPEC.md that a source cites exists. */
export const citations: Rule = (tree) => {
  const headings = [...(tree.get(SPEC) ?? '').matchAll(/^#{2,3} (\d+(?:\.\d+)?) /gm)].map(
    ([, number]) => number,
  );
  return [...tree]
    .filter(([path]) => path !== SPEC && !isPlanting(path))
    .flatMap(([path, text]) =>
      citedSections(text)
        .filter((section) => !headings.includes(section))
        .map((section) => `${path} cites section ${section}`),
    );
};

/** Section numbers after `SPEC.md`, also where a line of a comment breaks in between. */
function citedSections(text: string): string[] {
  const flowing = text.replace(/\n\s*(?:\*|\/\/)\s*/g, ' ');
  return [...flowing.matchAll(CITATION)].flatMap(([, list = '']) => list.split(/, | and /));
}

/** Every source opens by saying what it is. */
export const headers: Rule = (tree) =>
  [...tree]
    .filter(([path, text]) => isSource(path) && !/^(#!.*\n)?\/\*\*\s/.test(text))
    .map(([path]) => `${path} does not say what it is`);

/** How the name of a secret ends, or of what proves that somebody has one. */
const SECRET =
  /^(?:token|secret|mac|hmac|passphrase|password|cookie|csrf|seed|credential|bearer|(?:api|private|secret)Key)(?:Hex|Bytes|Text)?$/i;
const OPERAND = String.raw`(?:'[^'\n]*'|"[^"\n]*"|-?[\w$.?!#]+(?:\[[^\]\n]*\])?(?:\([^()\n]*\))?)`;
const COMPARISON = new RegExp(String.raw`(typeof\s+)?(${OPERAND})\s*[!=]==?\s*(${OPERAND})`, 'g');
const EQUALS = /([\w$.?!#]+)\??\.equals\(\s*([\w$.?!#]+)/g;
const LITERAL = /^(?:undefined|null|true|false|-?\d[\w.]*|'[^']*'|"[^"]*")$/;

/** Whether the value is a secret by its name: `inviteToken`, `this.#mac`, `toHex(seed)`; neither `machine` nor `seeds.length`. */
function isSecret(operand: string): boolean {
  const [, argument] = /\(([\w$.?!#]*)\)$/.exec(operand) ?? [];
  const last = (argument || operand.replace(/\(.*$/, ''))
    .replace(/[?!]|\[.*$/g, '')
    .split(/[.#]/)
    .at(-1);
  if (last === undefined || /^[A-Z_]+$/.test(last)) return false;
  const words = last.split(/(?=[A-Z])/);
  return words.some((_, i) => SECRET.test(words.slice(i).join('')));
}

/**
 * Secrets and marks are compared by `equalBytes`, whose duration tells nothing of where two differ, or looked up by
 * their hash. Comparing one with a literal, as `undefined`, tells nothing either.
 */
export const constantTime: Rule = (tree) =>
  [...tree]
    // What a simulation compares, nobody measures.
    .filter(([path]) => isSource(path) && roomOf(path) !== 'sim')
    .flatMap(([path, text]) => {
      const code = withoutComments(text);
      const compared = [...code.matchAll(COMPARISON)].filter(([, type]) => type === undefined);
      const pairs = [
        ...compared.map(([, , left = '', right = '']) => [left, right] as const),
        ...[...code.matchAll(EQUALS)].map(([, left = '', right = '']) => [left, right] as const),
      ];
      return pairs
        .filter((pair) => pair.some(isSecret) && !pair.some((one) => LITERAL.test(one)))
        .map((pair) => `${path} compares ${pair.join(' with ')} byte by byte`);
    });

/** Names that promise nothing, or are spelt otherwise than the rest. */
export const fileNames: Rule = (tree) =>
  [...tree.keys()]
    .filter((path) => isSource(path))
    .flatMap((path) => {
      const name = path.split('/').at(-1) ?? '';
      if (!/^[a-z0-9-]+(\.[a-z]+)*\.tsx?$/.test(name)) return [`${path} is not in kebab-case`];
      return /(^|-)(utils?|helpers?|managers?|common|misc)\b/.test(name) ? [`${path} names no concept`] : [];
    });
