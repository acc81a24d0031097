/**
 * The lines of a task stream: what the coordinator tells a node over the connection that the node keeps open.
 * SPEC.md section 9.4.
 */
import { type Static, Type } from 'typebox';
import { Task, Tasks } from './task.ts';

const closed = { additionalProperties: false } as const;

/** 16 random bytes: only who reads the stream knows it, so who names it reads the stream. */
export const StreamId = Type.String({ pattern: '^[A-Za-z0-9_-]{22}$', description: '16 bytes, base64url' });
export type StreamId = Static<typeof StreamId>;

/** Over how many milliseconds the nodes spread their return when their streams break. */
const SpreadMs = Type.Integer({ minimum: 0, maximum: 600_000 });

const { directoryVersion, letters } = Tasks.properties;

export const TaskLine = Type.Union([
  /** The first line. */
  Type.Object(
    { type: Type.Literal('opened'), streamId: StreamId, spreadMs: SpreadMs, directoryVersion },
    closed,
  ),
  /** All that the node is asked to do now, in place of every earlier list; written too when a letter has come. */
  Type.Object(
    { type: Type.Literal('tasks'), tasks: Type.Array(Task, { maxItems: 1000 }), directoryVersion, letters },
    closed,
  ),
  /** Nothing is new; the node says that it is there. */
  Type.Object({ type: Type.Literal('heartbeat'), spreadMs: SpreadMs, directoryVersion, letters }, closed),
]);
export type TaskLine = Static<typeof TaskLine>;

/** Not open: the stream has ended for the coordinator, so that the node needs another one. */
export const StreamState = Type.Object({ open: Type.Boolean() }, closed);
export type StreamState = Static<typeof StreamState>;
