/**
 * Answers that wait behind others, where a client sends requests without waiting (RFC 9112, section 9.3.2).
 *
 * Node tells an answer that its connection has closed only once it is its turn to be sent. What waits for something to
 * happen, or counts as under way, would be kept for ever for one whose turn never comes.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Sees to it that `response` emits `close` when its connection has closed, whether or not it was its turn. */
export function tellOfClosing(connection: Socket, response: ServerResponse): void {
  if (response.socket) return;
  const closed = () => {
    if (response.socket || response.closed) return; // Node tells it
    response.destroyed = true;
    response.emit('close');
  };
  // One for each answer that waits: Node lets them be as many as a client sends.
  connection.setMaxListeners(0);
  connection.once('close', closed);
  response.once('close', () => connection.off('close', closed));
}
