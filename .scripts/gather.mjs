// TypeBox comes as some 700 modules, which take a third of the time that a command needs to start. They are gathered into
// a few files of dist/, and what was compiled imports those.
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { build } from 'esbuild';

/** What is imported of it, by the name of its file. */
const ENTRIES = { index: 'typebox', schema: 'typebox/schema', value: 'typebox/value' };
const PLACES = new Map(Object.entries(ENTRIES).map(([file, module]) => [module, `${file}.js`]));
const IMPORT = /(?<= from )'(typebox(?:\/[a-z/]+)?)'(?=;$)/gm;

/** @param folder of what was compiled */
export async function gatherTypeBox(folder) {
  const gathered = join(folder, 'gathered', 'typebox');
  await build({
    ...{ entryPoints: ENTRIES, outdir: gathered, bundle: true, splitting: true },
    ...{ format: 'esm', platform: 'node', target: 'node20', legalComments: 'inline' },
  });
  copyFileSync('node_modules/typebox/license', join(gathered, 'LICENSE'));
  for (const name of readdirSync(folder, { recursive: true })) {
    if (!name.endsWith('.js') || name.startsWith('gathered')) continue;
    const file = join(folder, name);
    const source = readFileSync(file, 'utf8');
    const changed = source.replace(IMPORT, (_, module) => {
      const place = PLACES.get(module);
      if (place === undefined) throw new Error(`${name} imports ${module}, which is not gathered`);
      const path = relative(dirname(file), join(gathered, place));
      return `'${path.startsWith('.') ? path : `./${path}`}'`;
    });
    if (changed !== source) writeFileSync(file, changed);
  }
}
