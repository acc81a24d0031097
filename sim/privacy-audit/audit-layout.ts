/**
 * The world of an audit: features of data, of canaries and of nobody, and a model in which each keeps to its own columns.
 * SPEC.md 12.8.
 *
 *   logits = x W,  W [features, classes], zero at first;  d loss / d W = x^T (p - y)
 *
 * Without a bias an example moves only the rows of W that belong to features it has. A row of zeros moves nothing, so it is
 * a unit whose contribution is zero: what stands in place of a canary that is out.
 */
import type { Examples } from '../../client/data/examples.ts';
import type { ForwardGraph } from '../../client/graph/forward-graph.ts';
import { writeForward } from '../../client/graph/forward-writer.ts';
import { importModel } from '../../client/graph/import-model.ts';

export interface AuditLayout {
  /** Features of the data, then of canaries, then of nobody. */
  readonly dataFeatures: number;
  readonly canaryFeatures: number;
  readonly nullFeatures: number;
  readonly classes: number;
}

export function featuresOf({ dataFeatures, canaryFeatures, nullFeatures }: AuditLayout): number {
  return dataFeatures + canaryFeatures + nullFeatures;
}

/** Where the parameters of the canaries lie in a flat model: from, to. */
export function canaryRange({ dataFeatures, canaryFeatures, classes }: AuditLayout): [number, number] {
  return [dataFeatures * classes, (dataFeatures + canaryFeatures) * classes];
}

/** Where those parameters lie that nothing moves but noise. */
export function nullRange(layout: AuditLayout): [number, number] {
  const { dataFeatures, canaryFeatures, classes } = layout;
  return [(dataFeatures + canaryFeatures) * classes, featuresOf(layout) * classes];
}

/** Softmax regression without a bias. */
export function auditModel(layout: AuditLayout): ForwardGraph {
  const features = featuresOf(layout);
  const { classes } = layout;
  return importModel(
    writeForward({
      name: 'audit',
      input: { name: 'x', shape: [features] },
      parameters: [
        { name: 'weight', shape: [features, classes], data: new Float32Array(features * classes) },
      ],
      nodes: [{ op: 'MatMul', inputs: ['x', 'weight'], output: 'y' }],
      output: { name: 'y', shape: [classes] },
    }),
  );
}

/** An example on one feature alone; with the value 0 it is one that contributes nothing. */
export interface LoneFeature {
  readonly feature: number;
  readonly value: number;
  readonly label: number;
}

/** Rows of data, whose features come first, and then the lone features. Labels are in 0..classes-1. */
export function auditExamples(
  layout: AuditLayout,
  data: Pick<Examples, 'count' | 'features' | 'targets'>,
  lone: readonly LoneFeature[],
): Examples {
  const width = featuresOf(layout);
  const count = data.count + lone.length;
  const features = new Float32Array(count * width);
  const targets = new Int32Array(count);
  for (let row = 0; row < data.count; row += 1) {
    const from = row * layout.dataFeatures;
    features.set(data.features.subarray(from, from + layout.dataFeatures), row * width);
    targets[row] = data.targets[row] as number;
  }
  for (const [at, { feature, value, label }] of lone.entries()) {
    features[(data.count + at) * width + feature] = value;
    targets[data.count + at] = label;
  }
  return { name: 'audit', count, inputShape: [width], features, targetShape: [], targets };
}
