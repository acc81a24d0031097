/**
 * A module and what it needs, bundled by Vite into the files of a site whose page does nothing but load it.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ENTRY = 'virtual:entry';

/**
 * The exports of the module are what `entryOf` calls: `globalThis.entry` is a promise of them.
 *
 * @param entry a module of this folder
 * @returns files by path, `index.html` among them
 */
export async function bundle(entry: URL): Promise<Map<string, Uint8Array>> {
  const module = fileURLToPath(entry);
  const built = await build({
    root: ROOT,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    resolve: {
      alias: [
        { find: /^vitest$/, replacement: fileURLToPath(new URL('./vitest-in-page.ts', import.meta.url)) },
      ],
      conditions: ['hanse-source', 'browser', 'module', 'import', 'default'],
    },
    worker: { format: 'es' },
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === ENTRY ? `\0${ENTRY}` : null),
        load: (id) => (id === `\0${ENTRY}` ? `globalThis.entry = import(${JSON.stringify(module)});` : null),
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
  const page = '<!doctype html><meta charset="utf-8"><title>Test</title><link rel="icon" href="data:,">';
  files.set('index.html', encoder.encode(`${page}<script type="module" src="/entry.js"></script>`));
  return files;
}
