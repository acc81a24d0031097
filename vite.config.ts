import { defineConfig } from 'vite';

/**
 * The page of a participant and the one on which people sign in, client/web, into dist/web. Nothing is inlined: the policy of the page permits files of its own
 * coordinator and nothing else. `.scripts/web.mjs` calls this, and adds hashes and compressed copies.
 */
export default defineConfig({
  root: 'client/web',
  publicDir: false,
  // `#primitives` and its kin: sources, as a browser has them.
  resolve: { conditions: ['hanse-source', 'browser', 'module', 'import', 'default'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  worker: { format: 'es', rolldownOptions: { checks: { bundlerTimings: false } } },
  build: {
    outDir: '../../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 2000,
    // Who starts the demo for the first time builds too, and can do nothing about slow plugins.
    rolldownOptions: {
      input: ['client/web/index.html', 'client/web/sign-in.html'],
      checks: { bundlerTimings: false },
    },
  },
});
