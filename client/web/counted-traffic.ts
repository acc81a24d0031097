/**
 * Bytes of messages that went up and came down, headers not counted: what the page shows of its line.
 */
import type { Exchange } from '../exchange.ts';

export interface Traffic {
  readonly bytesUp: number;
  readonly bytesDown: number;
}

/** @param changed told after each message that had a body, and each piece of an answer */
export function countedTraffic(exchange: Exchange, changed: (total: Traffic) => void): Exchange {
  let bytesUp = 0;
  let bytesDown = 0;
  const tell = () => changed({ bytesUp, bytesDown });
  return async (request) => {
    const answer = await exchange(request);
    if (request.body) {
      bytesUp += request.body.length;
      tell();
    }
    const down = (bytes: number) => {
      bytesDown += bytes;
      tell();
    };
    return {
      ...answer,
      header: (name) => answer.header(name),
      bytes: async (limitBytes) => {
        const bytes = await answer.bytes(limitBytes);
        if (bytes) down(bytes.length);
        return bytes;
      },
      async *pieces() {
        for await (const piece of answer.pieces()) {
          down(piece.length);
          yield piece;
        }
      },
    };
  };
}
