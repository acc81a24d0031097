/**
 * The provider `webgpu` in Node: a graphics card through Dawn, which `onnxruntime-node` brings along: Vulkan on Linux,
 * Metal on a Mac, Direct3D 12 on Windows.
 *
 * It is used where it was asked for, and never by `auto`: Dawn and drivers are native code, whose faults end the
 * process, and an adapter may be one in software, a hundred times slower than the processor, which nothing here
 * tells. A process of its own tries the adapter first, with a shader, and this one only when that went well: neither a
 * node nor `hanse doctor` ends because it asked. The trial takes half a second.
 *
 * Steps run one by one, each of them as a whole on the card. Of many steps in one Scan only the bodies would run there,
 * which is no faster (180 against 150 ms a step of an MLP 784-200-10 in software), and Node does nothing else during a
 * run. The state travels through the memory of the processor: reading a tensor of the device (`getData`) ends the
 * process in onnxruntime-node 1.30.
 */
import { createRequire } from 'node:module';
import { HanseError } from '../../protocol/problem.ts';
import { loadNativeRuntime } from './cpu.ts';
import { createOrtSession } from './ort-session.ts';
import { probeModel } from './probe-model.ts';
import { failureOfTrial } from './probe-process.ts';
import type { ExecutionProvider, HoldingSession, Session, Tensor, Tensors } from './provider.ts';
import { NO_FALLBACK, ON_WEBGPU, webgpuUnavailable } from './webgpu-sessions.ts';

export interface NodeWebgpuOptions {
  /** Refuses models of which a part would run on the processor. */
  readonly strict?: boolean;
}

/** Drivers that compile for the first time take seconds. */
const TRIAL_MS = 30_000;

/** Throws `providerUnavailable` unless a process of its own has computed something on an adapter. */
export async function loadNodeWebgpuProvider(options: NodeWebgpuOptions = {}): Promise<ExecutionProvider> {
  const runtime = await loadNativeRuntime('webgpu');
  const place = createRequire(import.meta.url).resolve('onnxruntime-node');
  const model = probeModel();
  const failure = await failureOfTrial(TRIAL, [place, Buffer.from(model).toString('base64')], TRIAL_MS);
  if (failure !== undefined) throw webgpuUnavailable(failure);
  const createSession = (bytes: Uint8Array) =>
    createOrtSession(runtime, bytes, {
      executionProviders: [ON_WEBGPU],
      ...(options.strict && { extra: NO_FALLBACK }),
    });
  try {
    if (KEPT_OPEN.length === 0) KEPT_OPEN.push(await createSession(model));
  } catch (cause) {
    throw webgpuUnavailable('an adapter was there, and is gone', cause);
  }
  return {
    name: 'webgpu',
    threads: 1,
    reason: `native ONNX Runtime ${runtime.env.versions.node ?? ''} on WebGPU, step by step`,
    createSession,
    createHoldingSession: async (bytes, names) => holdingSession(await createSession(bytes), names),
  };
}

/**
 * One, until the process ends. With its last session the runtime closes the device and forgets what it has compiled: the
 * first steps of every task would take ten times as long. The price: on a device that stays open onnxruntime-node 1.30
 * does not give back the weights within a model. A train step has none, they are among its inputs.
 */
const KEPT_OPEN: Session[] = [];

/** Arguments: the place of onnxruntime-node, and the model. Says in its last line why it cannot. */
const TRIAL = `
const [, place, model] = process.argv;
async function attempt() {
  const ort = require(place);
  ort.env.logLevel = 'fatal';
  const session = await ort.InferenceSession.create(Buffer.from(model, 'base64'), {
    executionProviders: ['webgpu'],
    logSeverityLevel: 4,
    extra: ${JSON.stringify(NO_FALLBACK)},
  });
  const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.of(3.5), [1]) });
  if (y.data[0] !== 7) throw new Error('the adapter finds that 3.5 + 3.5 is ' + y.data[0]);
  await session.release();
}
attempt().catch(({ message }) => {
  const isMissing = message.includes('Failed to get a WebGPU adapter');
  console.error(isMissing ? 'no graphics card with a driver was found' : message.split('\\n')[0]);
  process.exitCode = 1;
});
`;

/** The values are with the processor, and go to the card and back with every step. */
function holdingSession(session: Session, names: readonly string[]): HoldingSession {
  return {
    hold(values) {
      let held: Tensors | undefined = values;
      const requireHeld = (): Tensors => {
        if (held === undefined) throw new Error('the values have been released');
        return held;
      };
      return {
        async run(steps) {
          const returned: Tensors[] = [];
          for (const feeds of steps) {
            const { next, others } = divided(await session.run({ ...requireHeld(), ...feeds }), names);
            held = next;
            returned.push(others);
          }
          return returned;
        },
        read: async () => requireHeld(),
        release: () => {
          held = undefined;
        },
      };
    },
    release: () => session.release(),
  };
}

/** Throws `graphMalformed` where an output `<name>_next` is missing. */
function divided(outputs: Tensors, names: readonly string[]): { next: Tensors; others: Tensors } {
  const others: Record<string, Tensor> = { ...outputs };
  const next: Record<string, Tensor> = {};
  for (const name of names) {
    const value = others[`${name}_next`];
    if (value === undefined) throw new HanseError('graphMalformed', { reason: `no output ${name}_next` });
    next[name] = value;
    delete others[`${name}_next`];
  }
  return { next, others };
}
