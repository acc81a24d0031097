/**
 * HTTP requests by `node:http`, over connections that are kept: measured with a model of 4 MB, a request costs a third
 * to two thirds of the processor time that it takes through `fetch`, which copies bodies and passes them through web
 * streams. Node only.
 */
import { request as httpRequest, type IncomingMessage, Agent as PlainAgent } from 'node:http';
import { request as httpsRequest, type Agent as TlsAgent } from 'node:https';
import { type Exchange, type ExchangeRequest, IDLE_MS, silent } from './exchange.ts';
import { proxyFor } from './proxy-choice.ts';
import { TunnellingAgent } from './proxy-tunnel.ts';
import { type Trust, trustOptions } from './tls-trust.ts';

interface Agents {
  readonly plain: PlainAgent;
  readonly tls: TlsAgent;
}

/** A body that announces at most so much gets its memory at once; a longer one as it arrives. */
const TRUSTED_BYTES = 67_108_864;

export const nodeExchange: Exchange = nodeExchangeWithin(IDLE_MS);

/**
 * Shares no connection with an exchange of another trust.
 * @param proxy address of the proxy for TLS; absent: that of the environment, if it names one
 */
export function nodeExchangeTrusting(trust: Trust, proxy?: string): Exchange {
  return nodeExchangeWithin(IDLE_MS, trust, proxy);
}

/** @param idleMs longest silence of a connection, also while it is made */
export function nodeExchangeWithin(idleMs: number, trust: Trust = {}, proxy?: string): Exchange {
  const agents = agentsFor(trust, proxy);
  return async (request) => {
    const answer = await send(request, idleMs, agents);
    const { statusCode: status = 0 } = answer;
    if (status >= 300 && status < 400) {
      answer.destroy();
      throw new Error(`redirected with HTTP status ${status}`);
    }
    return {
      status,
      header: (name) => {
        const value = answer.headers[name];
        return Array.isArray(value) ? value.join(', ') : value;
      },
      bytes: (limitBytes = Number.POSITIVE_INFINITY) => readAtMost(answer, limitBytes),
      pieces: () => answer as AsyncIterable<Uint8Array>,
    };
  };
}

/** Idle connections close by themselves and do not keep the process alive. */
function agentsFor(trust: Trust, proxy: string | undefined): Agents {
  return {
    plain: new PlainAgent({ keepAlive: true }),
    tls: new TunnellingAgent({ keepAlive: true, ...trustOptions(trust) }, (host, port) =>
      proxyFor(host, port, process.env, proxy),
    ),
  };
}

function send(
  { url, method, headers, body, signal }: ExchangeRequest,
  idleMs: number,
  agents: Agents,
): Promise<IncomingMessage> {
  const isPlain = url.startsWith('http:');
  const length = body && { 'content-length': String(body.length) };
  return new Promise((resolve, reject) => {
    const options = {
      method,
      headers: { ...headers, ...length },
      agent: isPlain ? agents.plain : agents.tls,
      timeout: idleMs,
      ...(signal && { signal }),
    };
    let answer: IncomingMessage | undefined;
    const outgoing = (isPlain ? httpRequest : httpsRequest)(url, options, (incoming) => {
      answer = incoming;
      resolve(incoming);
    });
    outgoing.on('error', reject);
    outgoing.on('timeout', () => (answer ?? outgoing).destroy(silent(idleMs)));
    outgoing.end(body);
  });
}

async function readAtMost(answer: IncomingMessage, limitBytes: number): Promise<Uint8Array | undefined> {
  const announced = Number(answer.headers['content-length'] ?? 0);
  let whole = new Uint8Array(announced <= Math.min(limitBytes, TRUSTED_BYTES) ? announced : 0);
  let length = 0;
  for await (const part of answer as AsyncIterable<Uint8Array>) {
    const end = length + part.length;
    if (end > limitBytes) return undefined; // leaving the loop destroys the connection
    if (end > whole.length) {
      const larger = new Uint8Array(Math.min(limitBytes, 2 * end));
      larger.set(whole.subarray(0, length));
      whole = larger;
    }
    whole.set(part, length);
    length = end;
  }
  return length === whole.length ? whole : whole.slice(0, length);
}
