import { expect, test } from 'vitest';
import { formatSignInLink, linkTokenIn } from '../../protocol/sign-in-link.ts';

const TOKEN = `${'A-_z'.repeat(10)}AAA`;

test('a link has its token where browsers send it to nobody, and it is found there again', () => {
  const link = new URL(formatSignInLink('https://hanse.example', TOKEN));
  expect(link.href).toBe(`https://hanse.example/sign-in#link=${TOKEN}`);
  expect(link.pathname + link.search).not.toContain(TOKEN);
  expect(linkTokenIn(link.hash)).toBe(TOKEN);
});

test('an address without one has none, and one that is cut off is told', () => {
  for (const fragment of ['', '#', '#other=1']) expect(linkTokenIn(fragment)).toBeUndefined();
  for (const token of ['', 'A', `${TOKEN}A`, 'ä'.repeat(43)])
    expect(() => linkTokenIn(`#link=${token}`)).toThrow(expect.objectContaining({ code: 'invalidFormat' }));
});
