/**
 * Nodes as witnesses of the log of their coordinator: how their keys are called, and the policy that counts them. C2SP
 * tlog-cosignature, tlog-policy; SPEC.md 13.13.
 *
 *     <organisationId>/<nodeId>   a witness, and the name of its key, which is the one that the node has enrolled with
 *     <organisationId>/any        a group: an organisation has seen what one of its witnesses has seen
 *     majority                    a group: more than half of the organisations
 */
import { type VerifierKey, verifierKey } from './verifier-key.ts';
import { majorityPolicy, type Witness, type WitnessGroup, type WitnessPolicy } from './witness-policy.ts';

/** Witnesses of one organisation, at most: a second one for when the first is away, a third for when both are. */
const OF_ONE_MAX = 3;
/** Together with their groups they fit into a policy. */
const ORGANISATIONS_MAX = 256;
/** Second keys of nodes, at most: with the first ones of all they fit as well. */
const SECOND_KEYS_MAX = 250;

export interface WitnessNode {
  readonly organisationId: string;
  readonly nodeId: string;
  /** Ed25519, 32 bytes: the key with which the node is in the directory. */
  readonly publicKey: Uint8Array;
}

/** Of type `cosignature`. */
export function nodeWitnessKey({ organisationId, nodeId, publicKey }: WitnessNode): Promise<VerifierKey> {
  return verifierKey(`${organisationId}/${nodeId}`, 'cosignature', publicKey);
}

/**
 * Those of these nodes, in their order, that a policy counts: a few of each organisation.
 * @param firstKeyOf what is the same for all keys of a node, which has two for a while: the second takes no place of another node
 */
export function countedWitnesses<Node extends WitnessNode>(
  nodes: Iterable<Node>,
  firstKeyOf: (node: Node) => string = ({ nodeId }) => nodeId,
): Node[] {
  const counted = new Map<string, Node[]>();
  let seconds = 0;
  for (const node of nodes) {
    const of = counted.get(node.organisationId) ?? [];
    const known = new Set(of.map(firstKeyOf));
    const isKnown = known.has(firstKeyOf(node));
    if (!isKnown && (known.size === OF_ONE_MAX || (of.length === 0 && counted.size === ORGANISATIONS_MAX)))
      continue;
    if (isKnown && seconds === SECOND_KEYS_MAX) continue;
    counted.set(node.organisationId, [...of, node]);
    if (isKnown) seconds += 1;
  }
  return [...counted.values()].flat();
}

/** More than half of the organisations that have a witness, by one witness each. @param nodes as `countedWitnesses` returns them */
export async function nodeWitnessPolicy(
  log: VerifierKey,
  nodes: readonly WitnessNode[],
): Promise<WitnessPolicy> {
  const witnesses = await Promise.all(
    nodes.map(async (node): Promise<Witness> => {
      const key = await nodeWitnessKey(node);
      return { name: key.name, key };
    }),
  );
  if (witnesses.length === 0) return majorityPolicy(log, []);
  const organisations = new Set(nodes.map(({ organisationId }) => organisationId));
  const groups = [...organisations].map((organisationId): WitnessGroup => {
    const own = nodes.filter((node) => node.organisationId === organisationId);
    const names = own.map(({ nodeId }) => `${organisationId}/${nodeId}`);
    return { name: `${organisationId}/any`, threshold: 1, members: names };
  });
  const members = groups.map(({ name }) => name);
  const majority = { name: 'majority', threshold: Math.floor(groups.length / 2) + 1, members };
  return { logs: [{ key: log }], witnesses, groups: [...groups, majority], quorum: majority.name };
}
