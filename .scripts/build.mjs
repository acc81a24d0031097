// Compiles dist/ beside the old one and swaps it in, so that a running process never sees half a build.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { gather } from './gather.mjs';

const next = 'dist.next';
const old = 'dist.old';
for (const folder of [next, old]) rmSync(folder, { recursive: true, force: true });
const tsc = spawnSync(
  process.execPath,
  ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', next],
  { stdio: ['ignore', 2, 2] },
);
if (tsc.status !== 0) {
  rmSync(next, { recursive: true, force: true });
  process.exit(tsc.status ?? 1);
}
await gather(next);
if (existsSync('server/store/migrations'))
  cpSync('server/store/migrations', `${next}/server/store/migrations`, { recursive: true });
for (const name of ['hanse.cedarschema', 'default-policies.cedar'])
  if (existsSync(`server/access/${name}`)) cpSync(`server/access/${name}`, `${next}/server/access/${name}`);
if (existsSync('client/web/index.html')) {
  const { buildWeb } = await import('./web.mjs');
  await buildWeb(`${next}/web`);
  const { buildPack } = await import('./pack.mjs');
  await buildPack(`${next}/pack`);
}
chmodSync(`${next}/bin/hanse.js`, 0o755);
writeFileSync(`${next}/.built`, '');
if (existsSync('dist')) renameSync('dist', old);
renameSync(next, 'dist');
rmSync(old, { recursive: true, force: true });
