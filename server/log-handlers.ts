/**
 * What the coordinator does for the routes of its audit log: C2SP tlog-tiles, SPEC.md 13.9. Checkpoint, key and tiles of hashes are
 * for everybody, as they tell nothing but that there are entries; entries are for members.
 */
import { primitives } from '#primitives';
import { parseTilePath, TILE_WIDTH } from '../protocol/audit/tile.ts';
import { formatVerifierKey } from '../protocol/audit/verifier-key.ts';
import { formatWitnessPolicy, majorityPolicy } from '../protocol/audit/witness-policy.ts';
import { toHex, utf8 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { ROUTES, type RouteName } from '../protocol/routes.ts';
import { actorOf } from './access/principal.ts';
import type { Coordinator } from './coordinator.ts';
import type { Handlers, OutgoingBody, Select } from './handler-types.ts';
import type { Selection } from './http/conditional-request.ts';
import type { ServedLog } from './served-log.ts';

type LogRoute = Extract<
  RouteName,
  'getCheckpoint' | 'getLogKey' | 'getWitnessPolicy' | 'getTile' | 'getEntries' | 'queryAudit'
>;

const WHOLE: Selection = { type: 'whole' };

export function logHandlers({ dependencies, access, witnessing }: Coordinator): Pick<Handlers, LogRoute> {
  /** @throws routeUnknown where the coordinator keeps no log, as that of a simulation */
  const served = (name: LogRoute): ServedLog => {
    if (dependencies.log) return dependencies.log;
    throw unknown(name);
  };
  const tileAt = async (name: LogRoute, path: string, select: Select | undefined): Promise<OutgoingBody> => {
    const source = await served(name).tile(parseTilePath(path));
    const sha256 = toHex(await primitives.sha256(source));
    const { length } = source;
    const selection = select?.(sha256, length) ?? WHOLE;
    if (selection.type !== 'part') return { source, sha256, length, selection };
    return { source: source.subarray(selection.range.start, selection.range.end), sha256, length, selection };
  };
  return {
    // What witnesses have seen is what others can rely on: a newer one may still turn out to be of another history.
    getCheckpoint: async () => {
      const { note } = served('getCheckpoint');
      return textOf(witnessing?.note ?? note);
    },
    getWitnessPolicy: async () => {
      const { key } = served('getWitnessPolicy');
      return textOf(formatWitnessPolicy(witnessing?.policy ?? majorityPolicy(key, [])));
    },
    getLogKey: async () => textOf(`${formatVerifierKey(served('getLogKey').key)}\n`),
    getTile: ({ params, select }) => tileAt('getTile', `tile/${params.level}/${params.place}`, select),
    getEntries: async ({ params, caller, select }) => {
      const path = `tile/entries/${params.place}`;
      const body = await tileAt('getEntries', path, select);
      const { index, width } = parseTilePath(path);
      if (body.selection.type !== 'notModified')
        access?.readings.read(actorOf(caller), index * TILE_WIDTH, width);
      return body;
    },
    queryAudit: async ({ query, caller, signal }) => {
      const { note } = served('queryAudit');
      if (!dependencies.queries) throw unknown('queryAudit');
      const page = await dependencies.queries.page(query, witnessing?.note ?? note, signal);
      for (const { index } of page.rows) access?.readings.read(actorOf(caller), index, 1);
      return page;
    },
  };
}

function unknown(name: LogRoute): HanseError<'routeUnknown'> {
  const { method, path } = ROUTES[name];
  return new HanseError('routeUnknown', { method, path });
}

/** Another one a little later. */
async function textOf(text: string): Promise<OutgoingBody> {
  const source = utf8(text);
  const sha256 = toHex(await primitives.sha256(source));
  return { source, sha256, length: source.length, selection: WHOLE, mayChange: true };
}
