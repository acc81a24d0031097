/**
 * The other end of `fault-points.mjs`: holds processes at a moment of their work, and sets their clocks.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type HanseProcess, type ProcessOptions, within } from './hanse-process.ts';

const POINTS = fileURLToPath(new URL('fault-points.mjs', import.meta.url));

/** A process that stands still at a moment of its work; what kills it opens nothing. */
export interface Gate {
  /** Resolves when the process has come there. */
  readonly reached: Promise<void>;
  open(): void;
}

/** One process, from its side. */
class Line {
  readonly #socket: Socket;
  readonly #waiting = new Map<string, () => void>();
  #acknowledge: (() => void)[] = [];

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => {}); // it was killed
  }

  hear({ done, at }: { readonly done?: boolean; readonly at?: string }): void {
    if (done) this.#acknowledge.shift()?.();
    if (at !== undefined) this.#waiting.get(at)?.();
  }

  /** Resolves when the process has taken note. */
  tell(order: object): Promise<void> {
    const noted = new Promise<void>((resolve) => this.#acknowledge.push(resolve));
    this.#socket.write(`${JSON.stringify(order)}\n`);
    return noted;
  }

  reached(moment: string): Promise<void> {
    return new Promise((resolve) => this.#waiting.set(moment, resolve));
  }
}

export class FaultControl {
  readonly #server: Server;
  readonly #lines = new Map<number, Line>();
  #joined = () => {};

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      const line = new Line(socket);
      createInterface({ input: socket })
        .on('line', (text) => {
          const said = JSON.parse(text);
          if (said.pid !== undefined) {
            this.#lines.set(said.pid, line);
            this.#joined();
          } else line.hear(said);
        })
        .on('error', () => {});
    });
  }

  static async open(): Promise<FaultControl> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FaultControl(server.unref());
  }

  /** What a process must be started with. */
  get options(): ProcessOptions {
    const { port } = this.#server.address() as AddressInfo;
    return { nodeArgs: ['--import', POINTS], env: { HANSE_FAULT_PORT: String(port) } };
  }

  /** Lets the process run until that moment. */
  async arm(target: HanseProcess, moment: string): Promise<Gate> {
    const line = await this.#lineOf(target);
    const reached = line.reached(moment);
    await line.tell({ arm: moment });
    return {
      reached: within(`${target.name} to come to ${moment}`, reached, () => target.said),
      open: () => void line.tell({ open: true }),
    };
  }

  /** @param offsetMs ahead of the clock of this machine */
  async setClock(target: HanseProcess, offsetMs: number): Promise<void> {
    await (await this.#lineOf(target)).tell({ clock: offsetMs });
  }

  close(): void {
    this.#server.close();
  }

  async #lineOf({ pid, name }: HanseProcess): Promise<Line> {
    const known = async () => {
      for (let line = this.#lines.get(pid); ; line = this.#lines.get(pid)) {
        if (line) return line;
        await new Promise<void>((resolve) => {
          this.#joined = resolve;
        });
      }
    };
    return within(`${name} to be in our hands`, known(), () => '');
  }
}
