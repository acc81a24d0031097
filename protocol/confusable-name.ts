/**
 * Whether a name could be taken for another one. After Unicode Technical Standard 39, sections 4 (skeletons) and 5 (scripts that
 * are mixed); SPEC.md section 4.11. Pure.
 *
 * The table holds the letters of Cyrillic, Greek and Armenian that look like Latin ones in common typefaces, not all 6,000 rows of
 * the standard: with single-script names that is what an impostor needs. Whoever wants to be sure compares handles or ids.
 */

/** Look-alikes of each Latin letter or digit, after NFKC and in lower case. */
const LOOK_ALIKES: Readonly<Record<string, string>> = {
  a: 'аαɑа',
  b: 'ьвβ',
  c: 'сϲ',
  d: 'ԁ',
  e: 'еєҽ',
  g: 'ɡց',
  h: 'һհнη',
  i: 'іιıӏ',
  j: 'јϳ',
  k: 'кκ',
  l: 'ⅼ1|ǀ',
  m: 'мμ',
  n: 'пոռ',
  o: 'оοօ0σ',
  p: 'рρ',
  q: 'ԛզ',
  s: 'ѕ',
  t: 'тτ',
  u: 'υսʋ',
  v: 'ѵν',
  w: 'ԝѡω',
  x: 'хχ×',
  y: 'уγүყ',
  z: 'ᴢζ',
};

const LATIN_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(LOOK_ALIKES).flatMap(([latin, others]) => [...others].map((other) => [other, latin])),
);

/** Scripts whose letters are not told from one another, as far as people read them side by side. */
const SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Arabic}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Georgian}/u,
  /\p{Script=Thai}/u,
  /\p{Script=Devanagari}/u,
  // Written together in Japanese, Chinese and Korean.
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Bopomofo}]/u,
];

/** Two names with one skeleton look alike. */
export function skeletonOf(name: string): string {
  const folded = name
    .normalize('NFKC')
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '');
  const latin = [...folded].map((letter) => LATIN_OF.get(letter) ?? letter).join('');
  // `i` and `l` are told apart by their dot alone, `rn` from `m` by nothing.
  return latin
    .replaceAll('i', 'l')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replace(/[\s\p{P}]+/gu, '');
}

/** Letters of one script among those of another: no word has them, but one that is to be misread. */
export function mixesScripts(name: string): boolean {
  return SCRIPTS.filter((script) => script.test(name)).length > 1;
}

/**
 * Names as they may be shown beside each other: each by itself, or by what `insteadOf` gives for it where it is in no normal form
 * (NFC), mixes scripts, or looks like one that came before it.
 * @param names in the order in which they came
 */
export function shownNames<Named extends { readonly name: string }>(
  named: readonly Named[],
  insteadOf: (one: Named) => string,
): string[] {
  const seen = new Set<string>();
  return named.map((one) => {
    const skeleton = skeletonOf(one.name);
    const isOdd =
      one.name !== one.name.normalize('NFC') ||
      mixesScripts(one.name) ||
      skeleton === '' ||
      seen.has(skeleton);
    seen.add(skeleton);
    return isOdd ? insteadOf(one) : one.name;
  });
}
