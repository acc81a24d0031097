// Writes the frozen transcripts of secure aggregation, from the sources as they are: test/vectors/README.md.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';

const conditions = ['hanse-source', 'node'];
const root = fileURLToPath(new URL('../../..', import.meta.url));
const vite = await createServer({
  root,
  configFile: false,
  logLevel: 'error',
  appType: 'custom',
  server: { middlewareMode: true, watch: null, hmr: false, ws: false },
  optimizeDeps: { noDiscovery: true },
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ['node'] } },
});
try {
  const { primitives } = await vite.ssrLoadModule('/protocol/primitives/node.ts');
  const { vectors } = await vite.ssrLoadModule('/test/fixtures/secure-transcript.ts');
  for (const [name, content] of Object.entries(await vectors(primitives)))
    writeFileSync(new URL(`${name}.json`, import.meta.url), `${JSON.stringify(content, null, 2)}\n`);
} finally {
  await vite.close();
}
const biome = ['node_modules/@biomejs/biome/bin/biome', 'format', '--write', 'test/vectors/secagg'];
spawnSync(process.execPath, biome, { cwd: root, stdio: 'inherit' });
