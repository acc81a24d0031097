/**
 * Answers to what never becomes a request: bytes that are no HTTP, expectations that nobody meets. They too are
 * problems (SPEC.md section 3), written by hand, as there is nothing around them yet.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { HanseError } from '../../protocol/problem.ts';
import { formatRange, VERSION_HEADER, type VersionRange } from '../../protocol/versions.ts';
import { PROBLEM_MEDIA_TYPE, toProblemDetails } from './problem-details.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'all of it in time',
  HPE_HEADER_OVERFLOW: 'headers of less than 16 KiB',
};

/** @param error what the parser says */
export function refuseBytes(error: NodeJS.ErrnoException, socket: Duplex, protocol: VersionRange): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  if (socket.writable) {
    const { status, headers, body } = answerTo(EXPECTED[error.code ?? ''] ?? 'HTTP/1.1', protocol);
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
    socket.write([`HTTP/1.1 ${status} Bad Request`, ...lines, '', body].join('\r\n'));
  }
  socket.destroy(error);
}

/** `Expect:` with anything but `100-continue`. */
export function refuseExpectation(
  _request: IncomingMessage,
  response: ServerResponse,
  protocol: VersionRange,
): void {
  const { status, headers, body } = answerTo('no header Expect but 100-continue', protocol);
  response.writeHead(status, headers).end(body);
}

function answerTo(expected: string, protocol: VersionRange) {
  const details = toProblemDetails(new HanseError('invalidFormat', { where: 'request', expected }));
  const body = JSON.stringify(details);
  const headers = {
    ...SECURITY_HEADERS,
    'content-type': PROBLEM_MEDIA_TYPE,
    'content-length': String(Buffer.byteLength(body)),
    [VERSION_HEADER]: formatRange(protocol),
    connection: 'close',
  };
  return { status: details.status, headers, body };
}
