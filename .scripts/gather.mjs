// `hanse` as one program: of several hundred small modules, finding and reading each takes more than half of the time that
// a command needs to start. dist/bin/hanse.js is cli.js with all that it imports in a few files; parts that are loaded
// when they are asked for stay apart. The modules themselves stay in dist/ for whoever imports them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

/** Packages of many modules that every participant loads. Others stay outside, as all with native code must. */
const GATHERED = [
  '@bufbuild/protobuf',
  '@noble/ciphers',
  '@noble/curves',
  'canonicalize',
  'commander',
  'papaparse',
  'typebox',
];

/** @param folder of what was compiled */
export async function gather(folder) {
  const { dependencies, optionalDependencies, devDependencies, imports } = readJson('package.json');
  const entry = join(folder, 'cli.js');
  const bin = join(folder, 'bin');
  const { metafile } = await build({
    ...{ entryPoints: { hanse: entry }, outdir: bin, bundle: true, splitting: true, metafile: true },
    ...{ format: 'esm', platform: 'node', target: 'node20', legalComments: 'inline', logLevel: 'warning' },
    // What is CommonJS inside requires modules of Node.
    banner: {
      js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
    },
    external: Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies }).filter(
      (name) => !GATHERED.includes(name),
    ),
    plugins: [modulesOf(folder, imports), placesOf(folder, entry)],
  });
  writeFileSync(join(bin, 'LICENSES'), licences(Object.keys(metafile.inputs)));
}

/** The package's imports name files of dist/, which may be an older one, or not there yet. */
const modulesOf = (folder, imports) => ({
  name: 'modules',
  setup({ onResolve }) {
    onResolve({ filter: /^#/ }, ({ path }) => ({
      path: resolve(imports[path].node.default.replace('./dist', folder)),
    }));
  },
});

/** A module that finds files beside it goes on finding them where it was compiled. */
const placesOf = (folder, entry) => ({
  name: 'places',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      const place = relative(resolve(folder), path);
      if (path === resolve(entry) || place.startsWith('..')) return undefined;
      const source = readFileSync(path, 'utf8');
      if (!source.includes('import.meta.url')) return undefined;
      const url = `new URL(${JSON.stringify(`../${place}`)}, import.meta.url).href`;
      return { contents: source.replaceAll('import.meta.url', url), resolveDir: dirname(path) };
    });
  },
});

/** The licence of each package of which something is inside, under its name. */
function licences(inputs) {
  const packages = new Set(
    inputs.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  return [...packages].sort().map(licenceOf).join('\n');
}

function licenceOf(folder) {
  const { name, version, license } = readJson(join(folder, 'package.json'));
  const file = readdirSync(folder).find((candidate) => /^licen[cs]e/i.test(candidate));
  const text = file === undefined ? '' : `\n${readFileSync(join(folder, file), 'utf8')}`;
  return `${name} ${version}, ${license}\n${text}`;
}

const readJson = (file) => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {});
