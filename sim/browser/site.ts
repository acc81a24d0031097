/**
 * Files over HTTP from loopback, with the headers that a page of the product stands under: isolated, so that threads
 * work, and with a policy that lets nothing be loaded from elsewhere and nothing be evaluated but WebAssembly.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { PAGE_HEADERS } from '../../server/http/pages.ts';
import { mediaTypeOf } from '../../server/web-site.ts';

export interface Site {
  /** Ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** @param files by their path without a leading slash; `index.html` is served for the root too */
export async function serveSite(files: ReadonlyMap<string, Uint8Array>): Promise<Site> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://loopback');
    const path = pathname === '/' ? 'index.html' : pathname.slice(1);
    const bytes = files.get(path);
    response.writeHead(bytes ? 200 : 404, { ...PAGE_HEADERS, 'content-type': mediaTypeOf(path) }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
