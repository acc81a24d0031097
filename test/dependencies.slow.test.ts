/**
 * What Hanse is made of: a list of it that is the same wherever it is made, licences that bind nobody, and the answer of
 * a registry taken for what it says.
 */
import { existsSync, readFileSync } from 'node:fs';
import { hostname, userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test, vi } from 'vitest';

interface Component {
  readonly name: string;
  readonly version: string;
  readonly 'bom-ref': string;
  readonly hashes?: readonly object[];
  readonly licenses?: readonly object[];
}
interface Sbom {
  readonly bomFormat: string;
  readonly metadata: { readonly component: Component };
  readonly components: readonly Component[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}
interface Locked {
  readonly version?: string;
  readonly license?: unknown;
  readonly dev?: boolean;
  readonly resolved?: string;
}
interface Lock {
  readonly packages: Readonly<Record<string, Locked>>;
}

/** They are JavaScript, so that they run before anything is compiled. */
const script = (name: string) => import(new URL(`../.scripts/${name}`, import.meta.url).href);
const ROOT = fileURLToPath(new URL('..', import.meta.url));
const LOCK = JSON.parse(readFileSync(`${ROOT}/package-lock.json`, 'utf8')) as Lock;
const locked = (packages: Record<string, Locked>): Lock => ({
  packages: { '': { license: 'GPL-3.0-only' }, ...packages },
});

describe('the list of parts', () => {
  let sbom: Sbom;
  let text: string;
  let withoutCircumstances: (sbom: object, name: string) => Sbom;
  beforeAll(async () => {
    const { makeSbom, withoutCircumstances: strip } = await script('sbom.mjs');
    sbom = makeSbom();
    text = JSON.stringify(sbom);
    withoutCircumstances = strip;
  }, 120_000);

  test('names every package that is locked, with its hash and licence, and Hanse by its own name', () => {
    expect(sbom.bomFormat).toBe('CycloneDX');
    expect(sbom.metadata.component.name).toBe('hanse');
    const listed = new Set(sbom.components.map(({ name, version }) => `${name}@${version}`));
    const inLock = Object.entries(LOCK.packages).filter(([path]) => path !== '');
    const missing = inLock
      .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`)
      .filter((one) => !listed.has(one));
    expect(missing).toEqual([]);
    expect(sbom.components.filter(({ hashes }) => !hashes?.length)).toEqual([]);
    expect(sbom.components.filter(({ licenses }) => !licenses?.length)).toEqual([]);
    const refs = new Set([sbom.metadata.component, ...sbom.components].map((one) => one['bom-ref']));
    expect(sbom.dependencies.flatMap(({ dependsOn }) => dependsOn).filter((ref) => !refs.has(ref))).toEqual(
      [],
    );
  });

  test('is whole whatever the environment leaves out', async () => {
    const { makeSbom } = await script('sbom.mjs');
    vi.stubEnv('NODE_ENV', 'production');
    vi.stubEnv('npm_config_omit', 'dev');
    try {
      expect(makeSbom().components.length).toBe(sbom.components.length);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  test('says nothing of where and when it was made', () => {
    for (const circumstance of [ROOT, 'https://', 'timestamp', 'serialNumber', 'node_modules/'])
      expect(text.includes(circumstance), circumstance).toBe(false);
    for (const name of [hostname(), userInfo().username])
      if (name.length > 5) expect(text.includes(name), name).toBe(false);
  });

  test('is the same whatever npm adds to it, and in whatever order', () => {
    const noisy = {
      ...sbom,
      serialNumber: 'urn:uuid:0',
      metadata: { ...sbom.metadata, timestamp: 'now', tools: [{ version: '1' }] },
      components: sbom.components
        .map((one) => ({
          ...one,
          externalReferences: [{ type: 'distribution', url: 'https://registry.example/' }],
          properties: [
            ...((one as { properties?: object[] }).properties ?? []),
            { name: 'cdx:npm:package:path', value: `/home/somebody/node_modules/${one.name}` },
          ],
        }))
        .reverse(),
      dependencies: [...sbom.dependencies].reverse(),
    };
    expect(JSON.stringify(noisy)).toContain('registry.example');
    expect(withoutCircumstances(noisy, 'hanse')).toEqual(sbom);
  });

  test.skipIf(!existsSync(`${ROOT}/dist/sbom.cdx.json`))('is in the package as it is made now', () => {
    expect(JSON.parse(readFileSync(`${ROOT}/dist/sbom.cdx.json`, 'utf8'))).toEqual(sbom);
  });
});

describe('licences', () => {
  test('of all packages permit everybody everything', async () => {
    const { refusedLicences } = await script('licences.mjs');
    expect(Object.keys(LOCK.packages).length).toBeGreaterThan(100);
    expect(refusedLicences(LOCK)).toEqual([]);
  });

  test('that do not are found, by the name of the package', async () => {
    const { refusedLicences } = await script('licences.mjs');
    const planted = locked({
      'node_modules/sound': { version: '1.0.0', license: 'MIT' },
      'node_modules/a/node_modules/@scope/copyleft': { version: '2.0.0', license: 'AGPL-3.0-only' },
      'node_modules/unknown': { version: '3.0.0' },
      'node_modules/file': { version: '4.0.0', license: 'SEE LICENSE IN LICENSE' },
      'node_modules/mozilla': { version: '5.0.0', license: 'MPL-2.0' },
      'node_modules/tool': { version: '6.0.0', license: 'MPL-2.0', dev: true },
    });
    expect(refusedLicences(planted)).toEqual([
      '@scope/copyleft 2.0.0: "AGPL-3.0-only"',
      'unknown 3.0.0: no licence is named',
      'file 4.0.0: "SEE LICENSE IN LICENSE"',
      'mozilla 5.0.0: "MPL-2.0"',
    ]);
  });

  test.each([
    ['MIT', true],
    ['(MIT OR GPL-3.0-only)', true],
    ['MIT AND GPL-3.0-only', false],
    ['(Apache-2.0 AND BSD-3-Clause)', true],
    ['GPL-3.0-only OR MIT AND ISC', true],
    ['(GPL-3.0-only OR MIT) AND LGPL-3.0-only', false],
    ['Apache-2.0 WITH LLVM-exception', false],
    ['MIT MIT', false],
    ['(MIT', false],
    ['', false],
    ['mit', false],
    [{ type: 'MIT' }, false],
  ])('%j: %s', async (licence, permitted) => {
    const { isPermitted } = await script('licences.mjs');
    expect(isPermitted(licence)).toBe(permitted);
  });
});

describe('known faults', () => {
  const told = (severities: string[]) =>
    JSON.stringify({
      vulnerabilities: Object.fromEntries(
        severities.map((severity, i) => [`p${i}`, { name: `p${i}`, severity, range: '<2' }]),
      ),
      metadata: { vulnerabilities: { total: severities.length } },
    });

  test.each<[string, string, number, RegExp]>([
    ['none', told([]), 0, /lesser ones: 0/],
    ['lesser ones', told(['low', 'moderate']), 0, /lesser ones: 2/],
    ['a high one', told(['low', 'high']), 1, /^high: p1 <2$/],
    ['a critical one', told(['critical']), 1, /^critical: p0 <2$/],
    [
      'no network',
      '{"message":"request failed","error":{"summary":"ENOTFOUND"}}',
      2,
      /nothing is known: ENOTFOUND/,
    ],
    ['no answer', '', 2, /nothing is known/],
    ['another answer', '{}', 2, /nothing is known/],
  ])('%s', async (_, output, status, says) => {
    const { verdictOf } = await script('audit-dependencies.mjs');
    const verdict = verdictOf(output);
    expect(verdict.status).toBe(status);
    expect(verdict.lines.join('\n')).toMatch(says);
  });
});
