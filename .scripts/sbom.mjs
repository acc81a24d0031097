// The parts that Hanse is made of, as CycloneDX: what `npm sbom` says of package-lock.json, without what differs between
// two machines or two runs (serial number, time, release of npm, name of the folder, where packages were fetched from).
// Packages with the property `cdx:npm:package:development` build and test Hanse; a few of them are compiled into its page.
//
//     node .scripts/sbom.mjs sbom.cdx.json
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @returns CycloneDX 1.5, in which everything has its place */
export function makeSbom() {
  const cli = process.env.npm_execpath; // set by `npm run`
  const [command, before] = cli ? [process.execPath, [cli]] : ['npm', []];
  const args = [...before, 'sbom', '--sbom-format', 'cyclonedx', '--package-lock-only', '--offline'];
  // All of them, whatever the environment says; a build with Vite says `production` from then on.
  for (const kind of ['dev', 'optional', 'peer']) args.push('--include', kind);
  const { NODE_ENV: _, ...env } = process.env;
  const shell = !cli && process.platform === 'win32';
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: ROOT,
    shell,
    env,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (status !== 0) throw new Error(`npm sbom failed: ${error?.message ?? stderr}`);
  return withoutCircumstances(JSON.parse(stdout), readName());
}

/** @param sbom as npm makes it; @param name of the package */
export function withoutCircumstances(sbom, name) {
  const { serialNumber: _, metadata, components, dependencies, ...rest } = sbom;
  const { lifecycles, component } = metadata;
  const own = { ...withoutPlaces(component), name };
  return {
    ...rest,
    metadata: { lifecycles, component: own },
    components: components.map(withoutPlaces).sort(by('bom-ref')),
    dependencies: dependencies
      .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: [...dependsOn].sort() }))
      .sort(by('ref')),
  };
}

/** Neither where it was fetched from nor where it lies. */
function withoutPlaces({ externalReferences: _, properties = [], ...component }) {
  const kept = properties.filter(({ name }) => name !== 'cdx:npm:package:path');
  return { ...component, ...(kept.length > 0 && { properties: kept }) };
}

function readName() {
  return JSON.parse(readFileSync(`${ROOT}/package.json`, 'utf8')).name;
}

const by = (key) => (a, b) => (a[key] < b[key] ? -1 : Number(a[key] > b[key]));

export function writeSbom(file) {
  writeFileSync(file, `${JSON.stringify(makeSbom(), null, 1)}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeSbom(process.argv[2] ?? 'sbom.cdx.json');
