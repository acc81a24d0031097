/**
 * What the coordinator does for the routes of nodes that witness its log. As all of `handlers.ts`, free of any transport; role and
 * form have been checked. SPEC.md 13.13.
 */
import { type Checkpoint, readCheckpoint } from '../protocol/audit/checkpoint.ts';
import { formatNote, signaturesOf } from '../protocol/audit/signed-note.ts';
import { equalBytes, fromBase64 } from '../protocol/bytes.ts';
import { HanseError } from '../protocol/problem.ts';
import { ROUTES, type RouteName } from '../protocol/routes.ts';
import type { NodeId } from '../schemas/ids.ts';
import type { WitnessCall } from '../schemas/witness.ts';
import type { Coordinator } from './coordinator.ts';
import type { KnownMember } from './federation-state.ts';
import type { Handlers } from './handler-types.ts';
import type { ServedLog } from './served-log.ts';
import type { Witnessing } from './witnessing.ts';

type WitnessRoute = Extract<RouteName, 'getWitnessCheckpoint' | 'putCosignature' | 'putWitnessEvidence'>;

/** Pieces of evidence of one node until the next start, at most: a log with two histories has any number of pairs of checkpoints. */
const MOST_TOLD = 16;

export function witnessHandlers(coordinator: Coordinator): Pick<Handlers, WitnessRoute> {
  const { dependencies, federation, notes, settings, witnessing } = coordinator;
  const { clock, report, log } = dependencies;
  /** By node: the evidence that it has given. */
  const told = new Map<NodeId, Set<string>>();

  /** @throws routeUnknown where there is no log, or nobody witnesses it */
  const witnessed = (name: WitnessRoute): { readonly log: ServedLog; readonly witnessing: Witnessing } => {
    if (log && witnessing) return { log, witnessing };
    const { method, path } = ROUTES[name];
    throw new HanseError('routeUnknown', { method, path });
  };

  const callOf = (witnessing: Witnessing, { publicKey }: KnownMember): WitnessCall => {
    const witness = witnessing.witnessOf(publicKey);
    const checkpoint = witness && witnessing.candidateFor(witness);
    return { isWitness: witness !== undefined, ...(checkpoint !== undefined && { checkpoint }) };
  };

  return {
    getWitnessCheckpoint: async ({ query, member, signal }) => {
      const { witnessing } = witnessed('getWitnessCheckpoint');
      const end = clock.now() + Math.min(Number(query.wait ?? 0) * 1000, settings.longestWaitMs);
      const gone = AbortSignal.any([signal, coordinator.closing]);
      for (;;) {
        federation.requireValid(member.nodeId);
        const call = callOf(witnessing, member);
        const left = end - clock.now();
        if (call.checkpoint !== undefined || left <= 0 || gone.aborted) return call;
        await witnessing.change(left, gone);
      }
    },

    putCosignature: async ({ body, member }) => {
      const { witnessing } = witnessed('putCosignature');
      federation.requireValid(member.nodeId);
      const witness = witnessing.witnessOf(member.publicKey);
      if (!witness) throw new HanseError('noteUnsigned', { keys: 'witnesses of the policy' });
      await witnessing.cosign(witness, `${body.line}\n`);
      return {};
    },

    putWitnessEvidence: async ({ body, member }) => {
      const { log } = witnessed('putWitnessEvidence');
      const [first = '', second = ''] = body.evidence.map(noteOf);
      const [older, newer] = [await readCheckpoint(first, log.key), await readCheckpoint(second, log.key)];
      if (await isOwnPast(log, older, newer)) throw new HanseError('witnessRequestMalformed');
      // What others have signed, or who tells of it has added, is no evidence, and would make it another each time.
      const checkpoints = [older, newer].map(({ note: { text, signatures } }) =>
        formatNote({ text, signatures: signaturesOf({ text, signatures }, log.key).slice(0, 1) }),
      );
      const known = told.get(member.nodeId) ?? new Set();
      told.set(member.nodeId, known);
      const evidence = checkpoints.join();
      if (known.has(evidence) || known.size === MOST_TOLD) return {};
      known.add(evidence);
      const [oldSize, size] = [older.size, newer.size];
      const forked = new HanseError('logForked', {
        origin: log.key.name,
        oldSize,
        size,
        evidence: checkpoints,
      });
      report(forked, `witness ${member.organisationId}/${member.nodeId}`);
      try {
        await notes.record({
          type: 'witness.alarmRaised',
          data: { by: member.nodeId, oldSize, size, evidence: checkpoints },
        });
      } catch (error) {
        known.delete(evidence); // it is in the log once it is told again
        throw error;
      }
      return {};
    },
  };
}

/** @throws noteMalformed */
function noteOf(encoded: string): string {
  const bytes = fromBase64(encoded);
  if (!bytes) throw new HanseError('noteMalformed', { reason: 'not in base64' });
  return new TextDecoder().decode(bytes);
}

/** Whether both checkpoints are of this log: nothing is wrong then, whoever has seen them in whatever order. */
async function isOwnPast(log: ServedLog, older: Checkpoint, newer: Checkpoint): Promise<boolean> {
  const isOwn = async ({ size, root }: Checkpoint) =>
    size <= log.size && equalBytes(await log.rootAt(size), root);
  return (await isOwn(older)) && (await isOwn(newer));
}
