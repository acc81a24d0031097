/**
 * The sources as a map from path to text, and what they import. Rules work on such a map, so that a test can plant a
 * break in one that it made up.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Paths relative to the root, with forward slashes. Holds the sources, the tests and SPEC.md. */
export type SourceTree = ReadonlyMap<string, string>;

export const SPEC = 'protocol/SPEC.md';
const ROOMS = ['schemas', 'protocol', 'client', 'server', 'sim', 'test'];
const SKIPPED = new Set(['node_modules', 'dist', 'dist.next', 'dist.old']);

export function readSourceTree(root: string): SourceTree {
  const tree = new Map<string, string>();
  const add = (path: string) => tree.set(path, readFileSync(join(root, path), 'utf8'));
  const walk = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = posix.join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(path);
      else if (entry.isFile() && /\.tsx?$/.test(entry.name)) add(path);
    }
  };
  for (const room of ROOMS) walk(room);
  for (const name of readdirSync(root)) if (/\.tsx?$/.test(name)) add(name);
  add(SPEC);
  return tree;
}

export interface Import {
  readonly specifier: string;
  /** Files of the tree that it may mean; none for a package. */
  readonly targets: readonly string[];
  /** `import type`: gone at run time. */
  readonly isType: boolean;
}

const STATIC = /(?:^|[;\n])[ \t]*(?:import|export)\s+(type\s+)?(?:[\w*\s{},$]+?\s+from\s+)?['"]([^'"]+)['"]/g;
const DYNAMIC = /\bimport\s*\(\s*['"]([^'"]+)['"]/g;
/** A worker or an asset: it is loaded, if not imported. */
const LOADED = /new URL\(\s*['"](\.[^'"]+\.tsx?)['"]\s*,\s*import\.meta\.url/g;

/** Everything that a file imports, re-exports or loads, statically or lazily. */
export function importsOf(path: string, text: string): Import[] {
  const code = withoutComments(text);
  const found: [specifier: string, isType: boolean][] = [];
  for (const [, type, specifier = ''] of code.matchAll(STATIC)) found.push([specifier, type !== undefined]);
  for (const pattern of [DYNAMIC, LOADED])
    for (const [, specifier = ''] of code.matchAll(pattern)) found.push([specifier, false]);
  return found.map(([specifier, isType]) => ({ specifier, isType, targets: targetsOf(path, specifier) }));
}

function targetsOf(path: string, specifier: string): string[] {
  if (specifier === '#primitives') return ['protocol/primitives/node.ts', 'protocol/primitives/web.ts'];
  if (specifier === '#checks')
    return ['protocol/primitives/compiled-checks.ts', 'protocol/primitives/interpreted-checks.ts'];
  if (!specifier.startsWith('.')) return [];
  return [posix.join(posix.dirname(path), specifier)];
}

/** Comments blanked; strings kept, also those that look like comments. */
export function withoutComments(text: string): string {
  const stringOrComment =
    /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;
  return text.replace(stringOrComment, (_, string: string | undefined) => string ?? '');
}

export function roomOf(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? '' : path.slice(0, slash);
}

export function isWithin(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => path === folder || path.startsWith(`${folder}/`));
}

/** Product code: neither tests nor configuration nor what a program wrote. */
export function isSource(path: string): boolean {
  return /\.tsx?$/.test(path) && roomOf(path) !== 'test' && !isConfig(path) && !isGenerated(path);
}

export function isConfig(path: string): boolean {
  return /^[^/]+\.config\.ts$/.test(path);
}

function isGenerated(path: string): boolean {
  return path.includes('/gen/');
}
