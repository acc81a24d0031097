/**
 * A proxy between a node and its coordinator that the test controls: it can break a connection in the middle of a body,
 * hold a message, deliver it twice, or deliver it when its sender has long sent another. What it passes on it does not
 * change by a byte.
 */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** Where a message is: before it goes on, or when half of it has. Lines are those of an answer that does not end. */
export type Place = 'request' | 'half request' | 'answer' | 'half answer' | 'line' | 'half line';

export interface Passage {
  readonly method: string;
  readonly path: string;
  readonly place: Place;
  /** Of an answer. */
  readonly status?: number;
  /** The line, or the whole body as text. */
  readonly text: string;
}

/**
 * What becomes of the message: passed on; the connection broken on both sides; sent to the coordinator twice, the second
 * time after the answer to the first or at once, its sender getting the answer to the second; or kept for later, its
 * sender seeing the connection break.
 */
export type Verdict = 'pass' | 'cut' | 'twice' | 'twice at once' | 'late';

/** An update, or what opens the masks of a secure attempt. */
export interface SeenMessage {
  readonly jobId: string;
  /** `<round>/<attempt>`. */
  readonly place: string;
  readonly sha256: string;
}

const MESSAGE = /^\/v1\/jobs\/([^/]+)\/rounds\/(\d+)\/attempts\/(\d+)\/(update|masked|answer)(?:\/[^/]+)?$/;

export class FaultyProxy {
  /** Asked at every place; passes everything on unless a test says otherwise. */
  judge: (passage: Passage) => Verdict | Promise<Verdict> = () => 'pass';
  /** Updates that the coordinator has acknowledged, whoever heard it. */
  readonly receipts: SeenMessage[] = [];
  /** Answers that the node has sent, whether or not they arrived. */
  readonly answers: SeenMessage[] = [];
  readonly #server: Server;
  readonly #port: number;
  readonly #late: (() => Promise<number>)[] = [];
  readonly #streams = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.#port = port;
    server.on('request', (incoming, outgoing) => {
      this.#serve(incoming, outgoing).catch(() => incoming.socket.destroy());
    });
  }

  /** @param port of the coordinator, on this machine */
  static async open(port: number): Promise<FaultyProxy> {
    const server = createServer({ keepAlive: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FaultyProxy(server.unref(), port);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks the connections of all answers that do not end. */
  breakStreams(): void {
    for (const socket of this.#streams) socket.destroy();
  }

  /** Sends what was kept; resolves to the statuses of the answers, which nobody waits for. */
  deliverLate(): Promise<number[]> {
    return Promise.all(this.#late.splice(0).map((send) => send()));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    const message = { method: incoming.method ?? '', path: incoming.url ?? '' };
    this.#noteAnswer(message, body);
    const ask = (place: Place, text: string, status?: number) =>
      this.judge({ ...message, place, text, ...(status !== undefined && { status }) });
    const break_ = () => void incoming.socket.destroy();
    const gone = new AbortController();
    outgoing.once('close', () => gone.abort());
    const forward = (half?: () => Verdict | Promise<Verdict>, signal?: AbortSignal) =>
      this.#forward(incoming, body, half, signal);

    const verdict = await ask('request', body.toString('latin1'));
    if (verdict === 'cut') return break_();
    if (verdict === 'late') {
      this.#late.push(async () => {
        const answer = await forward();
        this.#note(message, answer, await collect(answer));
        return answer.statusCode ?? 0;
      });
      return break_();
    }
    if (verdict === 'twice' || verdict === 'twice at once') {
      const first = forward().then(async (answer) => {
        if (isStream(answer)) return void answer.destroy();
        this.#note(message, answer, await collect(answer));
      });
      if (verdict === 'twice') await first;
    }
    const halfway = body.length > 1 ? () => ask('half request', body.toString('latin1')) : undefined;
    const answer = await forward(halfway, gone.signal);
    const { statusCode: status = 0 } = answer;
    if (isStream(answer)) return this.#passLines(answer, outgoing, (place, text) => ask(place, text, status));
    const content = await collect(answer);
    this.#note(message, answer, content);
    const text = content.toString('latin1');
    if ((await ask('answer', text, status)) === 'cut') return break_();
    outgoing.writeHead(status, answer.rawHeaders);
    if (content.length < 2) return void outgoing.end(content);
    outgoing.write(content.subarray(0, content.length >> 1));
    if ((await ask('half answer', text, status)) === 'cut') return break_();
    outgoing.end(content.subarray(content.length >> 1));
  }

  /** On a connection of its own, so that breaking it breaks nothing else. */
  #forward(
    { method, url, rawHeaders }: IncomingMessage,
    body: Buffer,
    half: (() => Verdict | Promise<Verdict>) | undefined,
    signal: AbortSignal | undefined,
  ): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.#port,
        path: url ?? '',
        method: method ?? '',
        headers: rawHeaders,
        agent: false,
        ...(signal && { signal }),
      };
      const outgoing = request(options, resolve).once('error', reject);
      if (!half) return void outgoing.end(body);
      outgoing.write(body.subarray(0, body.length >> 1));
      Promise.resolve(half()).then((verdict) => {
        if (verdict === 'cut') outgoing.destroy(new Error('cut'));
        else outgoing.end(body.subarray(body.length >> 1));
      }, reject);
    });
  }

  async #passLines(
    answer: IncomingMessage,
    outgoing: ServerResponse,
    ask: (place: Place, text: string) => Verdict | Promise<Verdict>,
  ): Promise<void> {
    const { socket } = outgoing;
    outgoing.once('close', () => answer.destroy());
    outgoing.writeHead(answer.statusCode ?? 0, answer.rawHeaders);
    outgoing.flushHeaders();
    if (socket) this.#streams.add(socket);
    let begun = '';
    try {
      for await (const part of answer) {
        begun += (part as Buffer).toString('latin1');
        for (let end = begun.indexOf('\n'); end >= 0; end = begun.indexOf('\n')) {
          const line = begun.slice(0, end + 1);
          begun = begun.slice(end + 1);
          const verdict = await ask('line', line);
          if (verdict === 'cut') return void socket?.destroy();
          if (verdict === 'twice') outgoing.write(line, 'latin1');
          outgoing.write(line.slice(0, end >> 1), 'latin1');
          if ((await ask('half line', line)) === 'cut') return void socket?.destroy();
          outgoing.write(line.slice(end >> 1), 'latin1');
        }
      }
      outgoing.end();
    } catch {
      socket?.destroy(); // as a connection that breaks, which it did on the other side
    } finally {
      if (socket) this.#streams.delete(socket);
    }
  }

  #note({ path }: { path: string }, { statusCode }: IncomingMessage, content: Buffer): void {
    const [, jobId, round, attempt, what] = MESSAGE.exec(path) ?? [];
    if (jobId === undefined || what === 'answer' || statusCode !== 200) return;
    const { sha256 } = JSON.parse(content.toString());
    this.receipts.push({ jobId, place: `${round}/${attempt}`, sha256 });
  }

  #noteAnswer({ path }: { path: string }, body: Buffer): void {
    const [, jobId, round, attempt, what] = MESSAGE.exec(path) ?? [];
    if (jobId === undefined || what !== 'answer') return;
    const sha256 = createHash('sha256').update(body).digest('hex');
    this.answers.push({ jobId, place: `${round}/${attempt}`, sha256 });
  }
}

function isStream({ headers }: IncomingMessage): boolean {
  return (headers['content-type'] ?? '').startsWith('application/x-ndjson');
}

async function collect(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of message) parts.push(part as Buffer);
  return Buffer.concat(parts);
}
