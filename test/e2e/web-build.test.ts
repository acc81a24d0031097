/**
 * The page of a participant as `npm run build` makes it: small, whole, and told to the browser with its hashes.
 */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { openWebSite } from '../../server/web-site.ts';

const FOLDER = fileURLToPath(new URL('../../dist/web', import.meta.url));
const LIMIT_BYTES = 300_000;

const read = (name: string) => readFileSync(join(FOLDER, name));
const hashOf = (bytes: Uint8Array) => `sha384-${createHash('sha384').update(bytes).digest('base64')}`;
const manifest = (): Record<string, { bytes: number; compressedBytes: number; integrity: string }> =>
  JSON.parse(read('manifest.json').toString());
/** Chunks of ONNX Runtime are loaded when a tab begins to train. */
const isRuntime = (name: string) => /(^|\/)ort[-.]/.test(name) || name.endsWith('.wasm');

describe.skipIf(!existsSync(join(FOLDER, 'manifest.json')))('the page (needs the build)', () => {
  test('every file is listed with its hash, and lies compressed beside', () => {
    const files = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(FOLDER.length + 1));
    const listed = Object.keys(manifest());
    expect(files.sort()).toEqual([...listed, ...listed.map((name) => `${name}.br`), 'manifest.json'].sort());
    for (const [name, { bytes, compressedBytes, integrity }] of Object.entries(manifest())) {
      const [plain, compressed] = [read(name), read(`${name}.br`)];
      expect([plain.length, compressed.length]).toEqual([bytes, compressedBytes]);
      expect(hashOf(plain)).toBe(integrity);
      expect(brotliDecompressSync(compressed).equals(plain)).toBe(true);
    }
  });

  test.each(['index.html', 'sign-in.html'])(
    '%s demands scripts and styles by their hashes, from here alone, and has none inline',
    (page) => {
      const html = read(page).toString();
      const tags = html.match(/<(?:script|link)\b[^>]*>/g)?.filter((tag) => !tag.includes('data:,')) ?? [];
      expect(tags.length).toBeGreaterThanOrEqual(2);
      for (const tag of tags) {
        const [, name = ''] = /(?:src|href)="\/([^"]+)"/.exec(tag) ?? [];
        expect(tag).toContain(`integrity="${manifest()[name]?.integrity}"`);
      }
      expect(html).not.toMatch(/https?:|<style|<script(?![^>]*src)|\son\w+=/);
    },
  );

  test(`without ONNX Runtime it has less than ${LIMIT_BYTES} bytes, compressed`, () => {
    const sizes = Object.entries(manifest())
      .filter(([name]) => !name.startsWith('samples/') && !isRuntime(name))
      .map(([, { compressedBytes }]) => compressedBytes);
    const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
    expect(total).toBeGreaterThan(5000);
    expect(total).toBeLessThan(LIMIT_BYTES);
  });

  test('holds nothing of the coordinator or of Node', () => {
    for (const name of Object.keys(manifest()).filter((name) => name.endsWith('.js') && !isRuntime(name)))
      expect(read(name).toString(), name).not.toMatch(/from\s*["'](node:|fastify|drizzle)|better-sqlite3/);
  });

  test('is what the coordinator would serve', async () => {
    const site = await openWebSite(FOLDER);
    for (const name of Object.keys(manifest()))
      expect(site?.has(`/${name.replace(/^index\.html$/, '').replace(/^sign-in\.html$/, 'sign-in')}`)).toBe(
        true,
      );
  });
});
