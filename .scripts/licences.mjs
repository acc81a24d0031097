// Whether everything that package-lock.json names is under a licence that lets others use Hanse as they like.
//
//     node .scripts/licences.mjs
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Of what Hanse is made of: they ask for no more than that they are named. */
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
]);

/** Of what only builds and tests it, and of which nothing is in it: these ask for changes of their own files. */
const FOR_DEVELOPMENT = new Set([...PERMISSIVE, 'MPL-2.0', 'Python-2.0']);

/**
 * @param lock as of package-lock.json
 * @returns a line for each package whose licence is not permitted, or not known
 */
export function refusedLicences({ packages }) {
  return Object.entries(packages).flatMap(([path, { version, license, dev, link, name }]) => {
    if (path === '' || link) return [];
    const permitted = dev ? FOR_DEVELOPMENT : PERMISSIVE;
    if (isPermitted(license, permitted)) return [];
    const called = name ?? path.replace(/^.*node_modules\//, '');
    return [
      `${called} ${version}: ${license === undefined ? 'no licence is named' : JSON.stringify(license)}`,
    ];
  });
}

/**
 * SPDX expressions (annex D of its specification), without exceptions: AND binds closer than OR. What is not understood is
 * not permitted.
 */
export function isPermitted(licence, permitted = PERMISSIVE) {
  if (typeof licence !== 'string') return false;
  const tokens = licence.match(/[()]|[^\s()]+/g) ?? [];
  let at = 0;
  const atom = () => {
    const token = tokens[at];
    at += 1;
    if (token !== '(') return permitted.has(token);
    const inner = either();
    if (tokens[at] !== ')') return false;
    at += 1;
    return inner;
  };
  const both = () => {
    let all = atom();
    while (tokens[at] === 'AND') {
      at += 1;
      all = atom() && all;
    }
    return all;
  };
  const either = () => {
    let any = both();
    while (tokens[at] === 'OR') {
      at += 1;
      any = both() || any;
    }
    return any;
  };
  return either() && at === tokens.length;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const refused = refusedLicences(
    JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')),
  );
  for (const line of refused) console.error(line);
  if (refused.length > 0) process.exit(1);
  console.log('all licences are permitted');
}
