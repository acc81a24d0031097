/**
 * A module and what it needs, bundled by Vite into the files of a site whose page does nothing but load it, in the page
 * itself or in a worker.
 */
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = 'virtual:entry';

export interface BundleOptions {
  /** The module runs in a worker, and what it exposes by comlink takes the place of its exports. */
  readonly inWorker?: boolean;
  /** Modules in the place of packages, by the name of the package. */
  readonly replaced?: Readonly<Record<string, URL>>;
}

/**
 * The exports of the module are what `entryOf` calls: `globalThis.entry` is a promise of them.
 *
 * @param entry a source, or what it was compiled to; what it imports is taken from there too
 * @returns files by path, `index.html` among them
 */
export async function bundlePage(
  entry: URL,
  { inWorker = false, replaced = {} }: BundleOptions = {},
): Promise<Map<string, Uint8Array>> {
  const { build } = await import('vite'); // a development dependency
  const module = fileURLToPath(entry);
  const code = inWorker ? loadsInWorker(module) : `globalThis.entry = import(${JSON.stringify(module)});`;
  const sources = module.endsWith('.js') ? [] : ['hanse-source'];
  const built = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    resolve: {
      alias: Object.entries(replaced).map(([name, url]) => {
        return { find: new RegExp(`^${name}$`), replacement: fileURLToPath(url) };
      }),
      conditions: [...sources, 'browser', 'module', 'import', 'default'],
    },
    worker: { format: 'es' },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? `\0${ENTRY}` : null),
        load: (id) => (id === `\0${ENTRY}` ? code : null),
      },
    ],
    build: {
      write: false,
      minify: false,
      target: 'es2023',
      modulePreload: { polyfill: false },
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: { input: ENTRY, output: { entryFileNames: 'entry.js' } },
    },
  });
  const files = new Map<string, Uint8Array>();
  const encoder = new TextEncoder();
  for (const { output } of Array.isArray(built) ? built : 'output' in built ? [built] : []) {
    for (const file of output) {
      const content = file.type === 'chunk' ? file.code : file.source;
      files.set(file.fileName, typeof content === 'string' ? encoder.encode(content) : content);
    }
  }
  files.set('index.html', encoder.encode(`${EMPTY_PAGE}<script type="module" src="/entry.js"></script>`));
  return files;
}

/** A page in which nothing happens. */
export const EMPTY_PAGE =
  '<!doctype html><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">';

function loadsInWorker(module: string): string {
  return [
    "import { wrap } from 'comlink';",
    `import EntryWorker from ${JSON.stringify(`${module}?worker`)};`,
    'globalThis.entry = Promise.resolve(wrap(new EntryWorker()));',
  ].join('\n');
}
