/**
 * An evidence pack as one file of HTML that a browser opens without a network: the data, and the code that verifies them. The page
 * may run this script, use this style, and do nothing else. SPEC.md 13.10. Pure.
 */
import { primitives } from '#primitives';
import { toBase64, utf8 } from '../../protocol/bytes.ts';
import type { EvidencePack } from '../../schemas/evidence-pack.ts';

export interface PageAssets {
  /** One classic script. */
  readonly script: string;
  readonly style: string;
}

export async function evidencePage(pack: EvidencePack, { script, style }: PageAssets): Promise<string> {
  const code = closedIn(script, 'script');
  const look = closedIn(style, 'style');
  const policy = [
    "default-src 'none'",
    `script-src ${await sourceOf(code)}`,
    `style-src ${await sourceOf(look)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  // No text of the pack ends its element: there is no < in it.
  const data = JSON.stringify(pack).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence of ${pack.jobId}</title>
<style>${look}</style>
</head>
<body>
<main><h1>Evidence of ${pack.jobId}</h1><p id="verdict" role="status">Verifying&#8230;</p></main>
<noscript>Without JavaScript nothing is verified: what this page holds is to be believed by nobody.</noscript>
<script type="application/json" id="pack">${data}</script>
<script>${code}</script>
</body>
</html>
`;
}

/** What an element of this name can hold as its text: nothing in it ends the element. */
function closedIn(text: string, name: 'script' | 'style'): string {
  return text.replaceAll(new RegExp(`</(?=${name})`, 'gi'), '<\\/').replaceAll('<!--', '<\\!--');
}

async function sourceOf(text: string): Promise<string> {
  return `'sha256-${toBase64(await primitives.sha256(utf8(text)))}'`;
}
