/**
 * From a value from outside to a tree of events, node by node, so that no depth can exhaust the stack.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { DP_EVENT_NODES, type DpEvent } from '../../schemas/dp-event.ts';
import { parse } from '../parse.ts';
import { HanseError } from '../problem.ts';

const MAX_DEPTH = 16;
const MAX_NODES = 20_000;

const Tagged = Type.Object({
  type: Type.Union(Object.keys(DP_EVENT_NODES).map((type) => Type.Literal(type))),
});

/**
 * @param value attacker-controlled
 * @throws `invalidFormat` for what is no event, a parameter out of its range, a sample larger than its population, or a
 *   tree of more than 16 levels or 20,000 nodes
 */
export function parseDpEvent(value: unknown, what = 'event'): DpEvent {
  let nodes = 0;
  const visit = (node: unknown, where: string, depth: number): DpEvent => {
    nodes += 1;
    if (depth > MAX_DEPTH || nodes > MAX_NODES)
      throw new HanseError('invalidFormat', {
        where: what,
        expected: `a tree of at most ${MAX_DEPTH} levels and ${MAX_NODES} nodes`,
      });
    const { type } = parse(Tagged, node, where) as { type: DpEvent['type'] };
    const checked = parse(DP_EVENT_NODES[type] as TSchema, node, where) as Static<
      (typeof DP_EVENT_NODES)[DpEvent['type']]
    >;
    switch (checked.type) {
      case 'compose':
        return {
          ...checked,
          events: checked.events.map((one, at) => visit(one, `${where}/events/${at}`, depth + 1)),
        };
      case 'fixedSize':
        if (checked.sampleSize > checked.populationSize)
          throw new HanseError('invalidFormat', {
            where: `${where}/sampleSize`,
            expected: 'at most populationSize',
          });
        return { ...checked, event: visit(checked.event, `${where}/event`, depth + 1) };
      case 'poisson':
      case 'repeat':
        return { ...checked, event: visit(checked.event, `${where}/event`, depth + 1) };
      default:
        return checked;
    }
  };
  return visit(value, what, 1);
}
