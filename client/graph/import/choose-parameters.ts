/**
 * Which tensors of a model are trained. Every float32 initialiser is, no Constant node is, and patterns over their
 * names change that: `freeze` takes initialisers out, `train` takes initialisers back in and Constant nodes too. Where
 * both match, `train` has the last word: freezing `*` and training `head.*` trains the head alone.
 *
 * Some exporters write plain numbers as initialisers; those are parameters like all others unless they are frozen.
 * What an operator takes as a setting, and the statistics of batch normalisation that was exported for inference, are
 * never trained.
 */

import { matchesPattern } from '../../../protocol/name-pattern.ts';
import { HanseError } from '../../../protocol/problem.ts';
import { type Attributes, intAttribute } from '../attribute.ts';
import type { ForwardNode, ForwardParameter } from '../forward-graph.ts';
import { enforceLimit, type GraphLimits } from '../limits.ts';
import { malformed } from '../onnx-decode.ts';
import { firstNonFinite, floatTensor } from '../tensor-bytes.ts';
import type { FloatTensor } from './model-tensors.ts';

export interface ParameterPatterns {
  readonly freeze?: readonly string[];
  readonly train?: readonly string[];
}

/** The float32 tensors of a model, each kind in the order of the model. */
export interface Candidates {
  readonly initializers: readonly FloatTensor[];
  /** Of Constant nodes. */
  readonly constants: readonly FloatTensor[];
}

export interface ChosenParameters {
  readonly parameters: readonly ForwardParameter[];
  /** Initialisers that are no parameters. */
  readonly frozen: readonly ForwardParameter[];
}

/** Inputs that are settings or statistics, by operator. */
const SETTINGS: Readonly<Record<string, (attributes: Attributes) => readonly number[]>> = {
  BatchNormalization: (attributes) => (intAttribute(attributes, 'training_mode', 0) === 0 ? [3, 4] : []),
  Clip: () => [1, 2],
  Dropout: () => [1],
  Pad: () => [2],
};

/** @throws graphPatternUnmatched, graphWithoutParameters, graphMalformed, graphTooLarge */
export function chooseParameters(
  { initializers, constants }: Candidates,
  nodes: readonly ForwardNode[],
  { freeze = [], train = [] }: ParameterPatterns,
  limits: GraphLimits,
): ChosenParameters {
  const tensors = [...initializers, ...constants];
  enforceLimit(
    limits,
    'matching',
    lengthOf(tensors.map(({ name }) => name)) * lengthOf([...freeze, ...train]),
  );
  const settings = settingsOf(nodes);
  const frozenNames = matched('freeze', freeze, initializers);
  const trainedNames = matched('train', train, tensors, settings);
  const isParameter = ({ name }: FloatTensor) =>
    !settings.has(name) && (trainedNames.has(name) || !frozenNames.has(name));
  const parameters = [
    ...initializers.filter(isParameter),
    ...constants.filter(({ name }) => trainedNames.has(name)),
  ];
  if (parameters.length === 0 && freeze.length > 0)
    throw new HanseError('graphWithoutParameters', { tensors: tensors.length });
  for (const { name, bytes } of parameters) {
    const index = firstNonFinite(bytes);
    if (index !== undefined)
      malformed(`parameter ${name}: element ${index} is infinite; freeze it if it is a mask or a bound`);
  }
  const frozen = initializers.filter((tensor) => !isParameter(tensor));
  return { parameters: parameters.map(parameterOf), frozen: frozen.map(parameterOf) };
}

/** The names that some pattern matches; each pattern has to match one that is not in `never`. */
function matched(
  list: 'freeze' | 'train',
  patterns: readonly string[],
  tensors: readonly FloatTensor[],
  never: ReadonlySet<string> = new Set(),
): Set<string> {
  const names = new Set<string>();
  for (const pattern of patterns) {
    const matches = tensors.filter(({ name }) => matchesPattern(name, pattern));
    const possible = matches.filter(({ name }) => !never.has(name));
    if (possible.length === 0) {
      const some = tensors.slice(0, 8).map(({ name }) => name);
      const reason =
        matches.length > 0
          ? `${matches[0]?.name} is a setting or a statistic, which is never trained`
          : `there are ${tensors.length} names to match: ${some.join(', ')}${tensors.length > 8 ? ', ...' : ''}`;
      throw new HanseError('graphPatternUnmatched', { list, pattern, reason });
    }
    for (const { name } of possible) names.add(name);
  }
  return names;
}

/** Values that nodes take as settings or statistics, also where they are passed on by Identity. */
function settingsOf(nodes: readonly ForwardNode[]): Set<string> {
  const settings = new Set<string>();
  for (const { op, inputs, outputs, attributes } of nodes.toReversed()) {
    if (op === 'Identity' && settings.has(outputs[0] ?? '')) settings.add(inputs[0] ?? '');
    const places = Object.hasOwn(SETTINGS, op) ? SETTINGS[op]?.(attributes) : undefined;
    for (const place of places ?? []) settings.add(inputs[place] ?? '');
  }
  return settings;
}

function parameterOf({ name, shape, bytes }: FloatTensor): ForwardParameter {
  const tensor = floatTensor(shape, bytes);
  return {
    name,
    shape,
    get data() {
      return tensor.data;
    },
  };
}

function lengthOf(texts: readonly string[]): number {
  return texts.reduce((length, text) => length + text.length, 0);
}
