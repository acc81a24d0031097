/**
 * The page of a participant, at the address of an invite link, and the files that it loads.
 *
 * It is isolated (COOP, COEP), so that it has threads and no other origin's document shares its process, and under a
 * policy by which it loads, connects to and runs nothing but what this coordinator sends: no code made of strings, no
 * inline script, no frame. WebAssembly alone is compiled, which ONNX Runtime needs.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { HanseError } from '../../protocol/problem.ts';
import { PAGE_PATHS, type WebBody, type WebFile, type WebSite } from '../web-site.ts';
import { select } from './conditional-request.ts';

const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** Added to those of every answer, and in the place of its policy. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-security-policy': POLICY.join('; '),
  // Both: a page is isolated by the two of them together.
  'cross-origin-embedder-policy': 'require-corp',
  'cross-origin-opener-policy': 'same-origin',
});

const IMMUTABLE = 'public, max-age=31536000, immutable';
/** It may be kept, and is asked for again each time. */
const REVALIDATED = 'no-cache';

/** @param site undefined where none was built: then its addresses say so */
export function registerPages(app: FastifyInstance, site: WebSite | undefined): void {
  for (const [url, file] of site ?? [])
    app.route({
      method: ['GET', 'HEAD'],
      url,
      schema: { hide: true },
      handler: (request, reply) => sendFile(request, reply, file),
    });
  if (site === undefined)
    for (const url of PAGE_PATHS)
      app.get(url, { schema: { hide: true } }, async () => {
        throw new HanseError('pagesMissing');
      });
}

async function sendFile(request: FastifyRequest, reply: FastifyReply, file: WebFile): Promise<FastifyReply> {
  const { headers, method } = request;
  const compressed = takesBrotli(headers['accept-encoding']) ? file.compressed : undefined;
  // Two forms of one file are two representations: each has a tag of its own.
  const etag = compressed ? file.etag.replace(/"$/, '-br"') : file.etag;
  const { 'if-none-match': condition } = headers;
  const isKnown = select({ 'if-none-match': condition }, etag, 0).type === 'notModified';
  const { bytes, open }: WebBody = compressed ?? file.plain;
  // Before the first header: an answer that it failed must not be kept for a year in the place of the file.
  const body = isKnown || method === 'HEAD' ? null : await open();
  reply.headers(PAGE_HEADERS);
  reply.header('cache-control', file.isImmutable ? IMMUTABLE : REVALIDATED);
  reply.header('etag', etag);
  if (file.compressed) reply.header('vary', 'accept-encoding');
  if (isKnown) return reply.code(304).send();
  reply.header('content-type', file.mediaType);
  reply.header('content-length', bytes);
  if (compressed) reply.header('content-encoding', 'br');
  return reply.send(body);
}

/** @param header attacker-controlled */
function takesBrotli(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((coding) => /^\s*br\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(coding));
}
