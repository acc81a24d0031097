/**
 * The network of the fuzzer: requests and answers take their time, are lost, cut, late or doubled, and find nobody when
 * the coordinator is away. Behind it are the handlers of production.
 *
 * Messages overtake each other, also those of one node: a request that is late may arrive when the node has long given
 * it up and sent it again.
 */
import { createHash } from 'node:crypto';
import type { CallOptions, CoordinatorApi } from '../../client/coordinator-api.ts';
import { HanseError, isProblem } from '../../protocol/problem.ts';
import {
  ROUTES,
  type Route,
  type RouteName,
  type RouteRequest,
  type RouteResponse,
} from '../../protocol/routes.ts';
import type { MessageFault } from '../../schemas/fuzz-schedule.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import { KeyedNumbers, type NamePart } from './keyed-numbers.ts';
import type { Life, Machine } from './machine.ts';
import { StreamEnd } from './stream-end.ts';

/** Longest that a message takes one way, in milliseconds, if nothing befalls it. */
const SLOWEST_MS = 30;
/** After so long a sender gives up, beyond what it has asked the coordinator to wait. */
const PATIENCE_MS = 10_000;
/** Silence that a member takes for the end of a stream, SPEC.md 9.4. */
const SILENCE_MS = 60_000;

/** The coordinator as long as one process of it lives: what answers, and for whom. */
export interface Service {
  readonly life: Life;
  apiFor(nodeId: string): CoordinatorApi;
}

export interface NetworkOptions {
  readonly world: VirtualClock;
  readonly seed: number;
  readonly faults: readonly MessageFault[];
  /** Who answers now; undefined while the coordinator is away. */
  service(): Service | undefined;
  /** An answer leaves the coordinator: from now on its sender is bound by it. */
  answered(name: RouteName, nodeId: string, request: unknown, response: unknown): void;
  /** A fault happens. */
  befell(fault: MessageFault, name: RouteName): void;
  /** Who sends is killed, to be started again after so many milliseconds. */
  kill(label: NamePart, downMs: number): void;
  /** A handler threw what is no problem. */
  failed(name: RouteName, error: unknown): void;
}

interface Message {
  readonly name: RouteName;
  readonly nodeId: string;
  readonly request: unknown;
  readonly callOptions: CallOptions | undefined;
}

/** Signed as they are, the second delivery bears a nonce that is spent (SPEC.md 4.4), and nobody sees it. */
const MAKES_ANEW: ReadonlySet<RouteName> = new Set<RouteName>(['createJob', 'createInvite']);

export class FaultyNetwork {
  readonly #options: NetworkOptions;

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** The coordinator as this process of this machine sees it. */
  connect(label: NamePart, machine: Machine, life: Life, nodeId: string): CoordinatorApi {
    return {
      call: <Name extends RouteName>(
        name: Name,
        request: RouteRequest<Name>,
        callOptions?: CallOptions,
      ): Promise<RouteResponse<Name>> => {
        const { message: index, ofRoute } = machine.send(name);
        const { seed, faults, befell, kill } = this.#options;
        const numbers = new KeyedNumbers('message', seed, label, index);
        const fault = faults.find(({ from, message, route }) => {
          if (from !== label) return false;
          return route === undefined ? message === index : route === name && message === ofRoute;
        });
        const isStream = (ROUTES[name] as Route).response === 'lines';
        if (fault && (isStream || fault.what !== 'stream broken')) befell(fault, name);
        const message = { name, nodeId, request: asSent(request), callOptions };
        const send = isStream ? this.#stream : this.#send;
        if (fault?.what === 'killed before') {
          kill(label, fault.byMs);
          return new Promise(() => {});
        }
        const answer = send.call(this, message, life, numbers, fault) as Promise<RouteResponse<Name>>;
        if (fault?.what === 'killed after') kill(label, fault.byMs);
        return answer;
      },
    };
  }

  #send(message: Message, life: Life, numbers: KeyedNumbers, fault: MessageFault | undefined) {
    const signal = message.callOptions?.signal;
    const up = numbers.between(1, SLOWEST_MS) + (fault?.what === 'request late' ? fault.byMs : 0);
    const down = numbers.between(1, SLOWEST_MS) + (fault?.what === 'answer late' ? fault.byMs : 0);
    // What the coordinator notices when the sender is gone.
    const connection = new AbortController();
    return new Promise<unknown>((resolve, reject) => {
      let isOpen = true;
      const close = (settle: () => void) => {
        if (!isOpen) return;
        isOpen = false;
        cancelPatience();
        stopMourning();
        signal?.removeEventListener('abort', abandon);
        settle();
      };
      const hangUp = () => this.#later(up, () => connection.abort());
      const giveUp = (reason: string) =>
        close(() => {
          hangUp();
          reject(unreachable(reason));
        });
      const abandon = () => giveUp('the sender has given up');
      const stopMourning = life.onEnd(() => close(hangUp));
      const cancelPatience = this.#later(PATIENCE_MS + waitOf(message), () =>
        life.run(() => giveUp('no answer came')),
      );
      signal?.addEventListener('abort', abandon, { once: true });
      if (signal?.aborted) return abandon();
      const answer = (settle: () => void) => {
        if (fault?.what !== 'answer lost') this.#later(down, () => life.run(() => close(settle)));
      };
      if (fault?.what === 'request lost') return;
      const isCut = fault?.what === 'request cut';
      const arrive = (respond: (settle: () => void) => void) =>
        this.#arrive(message, isCut, connection.signal, {
          resolve: (value) => respond(() => resolve(value)),
          reject: (error) => respond(() => reject(error)),
        });
      this.#later(up, () => arrive(answer));
      if (fault?.what === 'request twice' && !MAKES_ANEW.has(message.name))
        this.#later(up + fault.byMs, () => arrive(() => {}));
    });
  }

  /** A request whose answer does not end: lines come as long as both sides live and the connection does. */
  #stream(message: Message, life: Life, numbers: KeyedNumbers, fault: MessageFault | undefined) {
    const { name, nodeId, request, callOptions } = message;
    const signal = callOptions?.signal;
    const up = numbers.between(1, SLOWEST_MS) + (fault?.what === 'request late' ? fault.byMs : 0);
    const down = numbers.between(1, SLOWEST_MS) + (fault?.what === 'answer late' ? fault.byMs : 0);
    const connection = new AbortController();
    const lines = new StreamEnd();
    return new Promise<unknown>((resolve, reject) => {
      let isOpen = true;
      let isAnswered = false;
      const leave = () => {
        if (!isOpen) return;
        isOpen = false;
        cancelPatience();
        stopMourning();
        signal?.removeEventListener('abort', abandon);
        this.#later(up, () => connection.abort());
      };
      const fail = (error: HanseError) => {
        if (!isOpen) return;
        leave();
        if (isAnswered) lines.fail(error);
        else reject(error);
      };
      const abandon = () => fail(unreachable('the sender has given up'));
      const silence = (milliseconds: number) =>
        this.#later(milliseconds, () => life.run(() => fail(unreachable('nothing came'))));
      let cancelPatience = silence(PATIENCE_MS);
      const stopMourning = life.onEnd(leave);
      lines.onClose = leave;
      signal?.addEventListener('abort', abandon, { once: true });
      if (signal?.aborted) return abandon();
      const breakHere = () => life.run(() => fail(unreachable('the connection broke')));
      const hear = (work: () => void) =>
        this.#later(down, () =>
          life.run(() => {
            if (!isOpen) return;
            cancelPatience();
            cancelPatience = silence(SILENCE_MS);
            isAnswered = true;
            resolve(lines);
            work();
          }),
        );
      const arrive = (isHeard: boolean) => {
        const answer = (work: () => void) => {
          if (isHeard) this.#later(down, () => life.run(work));
        };
        const server = this.#options.service();
        if (!server) return answer(() => fail(unreachable('nobody listens')));
        server.life.run(() => {
          const stop = server.life.onEnd(() => answer(breakHere));
          const pump = async () => {
            const options = { ...callOptions, signal: connection.signal };
            const opened = await server.apiFor(nodeId).call(name, request as never, options);
            for await (const line of opened as AsyncIterable<unknown>)
              if (isHeard && server.life.isAlive) hear(() => lines.push(line));
            answer(() => {
              leave();
              lines.end();
            });
          };
          pump()
            .catch((error: unknown) => {
              if (isProblem(error)) answer(() => fail(error));
              else this.#options.failed(name, error);
            })
            .finally(stop);
        });
      };
      if (fault?.what === 'request lost') return;
      if (fault?.what === 'request cut') return void this.#later(up, breakHere);
      this.#later(up, () => arrive(fault?.what !== 'answer lost'));
      if (fault?.what === 'request twice') this.#later(up + fault.byMs, () => arrive(false));
      if (fault?.what === 'stream broken') this.#later(up + fault.byMs, breakHere);
    });
  }

  /** A request reaches the machine of the coordinator. */
  #arrive(
    { name, nodeId, request, callOptions }: Message,
    isCut: boolean,
    signal: AbortSignal,
    respond: { resolve(value: unknown): void; reject(error: HanseError): void },
  ): void {
    const { service, answered, failed } = this.#options;
    const server = service();
    if (!server) {
      respond.reject(unreachable('nobody listens'));
      return;
    }
    server.life.run(() => {
      const stopMourning = server.life.onEnd(() => respond.reject(unreachable('the connection broke')));
      const asked = isCut ? cutShort(request) : request;
      if (asked === undefined) {
        stopMourning();
        return respond.reject(unreachable('the connection broke'));
      }
      const call = server.apiFor(nodeId).call(name, asked as never, { ...callOptions, signal });
      const settle = (work: () => void) => {
        stopMourning();
        server.life.run(work);
      };
      call.then(
        (value) =>
          settle(() => {
            answered(name, nodeId, request, value);
            respond.resolve(value);
          }),
        (error) =>
          settle(() => {
            if (isProblem(error)) return respond.reject(isCut ? unreachable('the connection broke') : error);
            failed(name, error);
            respond.reject(new HanseError('internalError', { reference: 'the fuzzer' }, { cause: error }));
          }),
      );
    });
  }

  #later(milliseconds: number, work: () => void): () => void {
    const { world } = this.#options;
    return world.schedule(world.now() + milliseconds, work);
  }
}

/** The request as it is now: its sender may use the memory of a body for the next one while this is on its way. */
function asSent(request: object): object {
  const { body } = request as { readonly body?: unknown };
  return body instanceof Uint8Array ? { ...request, body: body.slice() } : request;
}

/** Milliseconds that the request asks the coordinator to hold it. */
function waitOf({ request }: Message): number {
  const { query } = request as { readonly query?: { readonly wait?: string } };
  return Number(query?.wait ?? 0) * 1000;
}

/** A request whose body ends in the middle; undefined where nothing of it can reach a handler. */
function cutShort(request: unknown): unknown {
  const { body } = request as { readonly body?: unknown };
  if (!(body instanceof Uint8Array)) return undefined;
  const sha256 = createHash('sha256').update(body).digest('hex');
  return { ...(request as object), body: { source: half(body), sha256, length: body.length } };
}

async function* half(body: Uint8Array): AsyncIterable<Uint8Array> {
  yield body.subarray(0, body.length >> 1);
  throw unreachable('the connection broke');
}

function unreachable(reason: string): HanseError<'coordinatorUnreachable'> {
  return new HanseError('coordinatorUnreachable', { url: 'fuzz:coordinator', reason });
}
