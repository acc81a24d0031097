/**
 * How long a body may take to arrive. Bodies of JSON are small; one that comes drop by drop only holds memory and a
 * connection. Content takes as long as its line needs, and is not hurried once it is known who sends it.
 */
import type { IncomingMessage } from 'node:http';

const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();

/** Breaks the connection if not all of the request is there in time. */
export function limitBody(request: IncomingMessage, milliseconds: number): void {
  if (request.complete) return;
  const timer = setTimeout(() => request.complete || request.destroy(), milliseconds).unref();
  timers.set(request, timer);
  request.once('close', () => clearTimeout(timer));
}

/** Lifts the limit. */
export function mayTakeItsTime(request: IncomingMessage): void {
  clearTimeout(timers.get(request));
}
