import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { evidencePage } from '../../../client/audit/evidence-page.ts';
import type { EvidencePack } from '../../../schemas/evidence-pack.ts';

const HOSTILE = '</script><img src=x onerror=alert(1)><!--';
const pack: EvidencePack = {
  version: 1,
  jobId: 'job-0123456789abcdef',
  key: HOSTILE,
  policy: HOSTILE,
  checkpoint: HOSTILE,
  manifest: null,
  entries: [],
};
const assets = {
  script: 'const ends = "</script>", begins = "<!--";',
  style: 'p { color: red } /* </style> */',
};

/** Texts of the elements of this name, as a browser reads them: up to the first end of one. */
const textsOf = (html: string, name: string) =>
  [...html.matchAll(new RegExp(`<${name}[^>]*>([\\s\\S]*?)</${name}`, 'gi'))].map(([, text = '']) => text);

test('what the pack says stays within the element that holds it', async () => {
  const html = await evidencePage(pack, assets);
  const [data = '', code = ''] = textsOf(html, 'script');
  expect(textsOf(html, 'script')).toHaveLength(2);
  expect(JSON.parse(data)).toEqual(pack);
  expect(data).not.toContain('<');
  expect(code).toBe('const ends = "<\\/script>", begins = "<\\!--";');
  expect(html).not.toContain('<img');
});

test('the page may run its script and use its style, and nothing else', async () => {
  const html = await evidencePage(pack, assets);
  const [, policy = ''] = /http-equiv="Content-Security-Policy" content="([^"]+)"/.exec(html) ?? [];
  const hashOf = (text = '') => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${hashOf(textsOf(html, 'script')[1])}`,
    `style-src ${hashOf(textsOf(html, 'style')[0])}`,
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});
