// Script and style of evidence packs, built by Vite into one file each: the page that they go into fetches nothing.
import { copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** @param folder that receives `pack-page.js` and `pack-page.css` */
export async function buildPack(folder) {
  const { build } = await import('vite');
  const outDir = resolve(folder);
  mkdirSync(outDir, { recursive: true });
  await build({
    configFile: false,
    logLevel: 'warn',
    publicDir: false,
    // As of vite.config.ts.
    resolve: { conditions: ['hanse-source', 'browser', 'module', 'import', 'default'] },
    build: {
      outDir,
      emptyOutDir: false,
      target: 'es2023',
      reportCompressedSize: false,
      lib: {
        entry: 'client/web/pack/pack-page.ts',
        formats: ['iife'],
        name: 'pack',
        fileName: () => 'pack-page.js',
      },
      rolldownOptions: { checks: { bundlerTimings: false } },
    },
  });
  copyFileSync('client/web/pack/pack-page.css', join(outDir, 'pack-page.css'));
}
