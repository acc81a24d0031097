/**
 * The provider `webgpu`: ONNX Runtime on the graphics card of a browser, from `onnxruntime-web`. Parameters stay in
 * buffers of the device from step to step, and only the loss is read back. Browsers and their workers only.
 *
 * The build for JSPI is a third smaller and faster where WebAssembly can wait for promises by itself; elsewhere the
 * one that was compiled to do so. An adapter in software is an adapter: whoever has no other is slow, not refused.
 *
 * Where a device is lost, sessions are made anew on a new one, when they are next used. A run that was under way is
 * repeated, except where the device held the state of a training, which is gone: `deviceLost`.
 */
import type * as Ort from 'onnxruntime-common';
import { HanseError } from '../../protocol/problem.ts';
import { fromOrt, malformed, type OrtRuntime, QUIETLY, toOrt } from './ort-session.ts';
import type { ExecutionProvider, HeldValues, HoldingSession, Session, Tensors } from './provider.ts';
import { loadWebRuntime } from './web-runtime.ts';
import { Devices, type OpenDevice } from './webgpu-device.ts';
import { NO_FALLBACK, ON_WEBGPU } from './webgpu-sessions.ts';

export interface WebgpuOptions {
  /** Refuses models of which a part would run on the processor. */
  readonly strict?: boolean;
}

/** Throws `providerUnavailable`. */
export async function loadWebgpuProvider(options: WebgpuOptions = {}): Promise<ExecutionProvider> {
  const devices = new Devices(globalThis.navigator?.gpu);
  const { adapter } = await devices.current();
  const runtime = await loadWebgpuRuntime();
  const engine = { runtime, devices, strict: options.strict ?? false, turns: new Turns() };
  return {
    name: 'webgpu',
    threads: 1,
    reason: `ONNX Runtime ${runtime.env.versions.web ?? ''} on WebGPU: ${describe(adapter)}`.slice(0, 200),
    createSession: (model) => createSession(engine, model),
    createHoldingSession: (model, held) => createHoldingSession(engine, model, held),
  };
}

function describe({ vendor, architecture, description }: GPUAdapterInfo): string {
  return [vendor, architecture, description].filter((part) => part !== '').join(' ') || 'an unnamed adapter';
}

function loadWebgpuRuntime(): Promise<OrtRuntime> {
  const waits = 'Suspending' in WebAssembly;
  return loadWebRuntime({ asked: 'webgpu', threads: 1 }, () =>
    waits ? import('onnxruntime-web/jspi') : import('onnxruntime-web/webgpu'),
  );
}

/** The runtime does one thing at a time. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

interface Engine {
  readonly runtime: OrtRuntime;
  readonly devices: Devices;
  readonly strict: boolean;
  readonly turns: Turns;
}

/** A session on the device that is there, made anew on the next one. All is called within a turn. */
class DeviceSession {
  readonly #engine: Engine;
  readonly #model: Uint8Array;
  readonly #holds: boolean;
  #made: { readonly on: OpenDevice; readonly session: Ort.InferenceSession } | undefined;
  #isReleased = false;

  constructor(engine: Engine, model: Uint8Array, holds = false) {
    this.#engine = engine;
    this.#model = model;
    this.#holds = holds;
  }

  async open() {
    if (this.#isReleased) throw new Error('the session has been released');
    const on = await this.#engine.devices.current();
    if (this.#made?.on === on) return this.#made;
    await this.#close();
    const session = await this.#engine.runtime.InferenceSession.create(this.#model, {
      graphOptimizationLevel: 'all',
      executionMode: 'sequential',
      logSeverityLevel: 4,
      executionProviders: [
        { ...ON_WEBGPU, device: on.device } as Ort.InferenceSession.WebGpuExecutionProviderOption,
      ],
      ...(this.#holds && { preferredOutputLocation: 'gpu-buffer' }),
      ...(this.#engine.strict && { extra: NO_FALLBACK }),
    }).catch((cause: unknown) => {
      throw malformed(cause);
    });
    this.#made = { on, session };
    return this.#made;
  }

  async release(): Promise<void> {
    if (this.#isReleased) return;
    this.#isReleased = true;
    await this.#close();
  }

  async #close(): Promise<void> {
    const { on, session } = this.#made ?? {};
    this.#made = undefined;
    // On a lost device there is nothing to free, and the runtime may say so.
    await session?.release().catch((error: unknown) => {
      if (!on?.isLost) throw error;
    });
  }
}

/** What a run gives, or `deviceLost`: the runtime may wait forever for a device that is gone. */
async function runOn(
  { on, session }: { readonly on: OpenDevice; readonly session: Ort.InferenceSession },
  feeds: Record<string, Ort.Tensor>,
): Promise<Ort.InferenceSession.OnnxValueMapType> {
  const run = session.run(feeds, QUIETLY).catch(async (cause: unknown) => {
    // The loss is told a moment after the failure that it causes.
    await Promise.race([on.loss, on.device.queue.onSubmittedWorkDone().catch(() => {})]);
    throw malformed(cause);
  });
  return Promise.race([run, on.loss]);
}

async function createSession(engine: Engine, model: Uint8Array): Promise<Session> {
  const session = new DeviceSession(engine, model);
  await engine.turns.take(() => session.open());
  const once = async (feeds: Tensors) =>
    fromOrt(await runOn(await session.open(), toOrt(engine.runtime, feeds)));
  return {
    run: (feeds) =>
      engine.turns.take(() =>
        once(feeds).catch((error: unknown) => {
          if (!(error instanceof HanseError) || error.code !== 'deviceLost') throw error;
          return once(feeds);
        }),
      ),
    release: () => engine.turns.take(() => session.release()),
  };
}

async function createHoldingSession(
  engine: Engine,
  model: Uint8Array,
  names: readonly string[],
): Promise<HoldingSession> {
  const session = new DeviceSession(engine, model, true);
  await engine.turns.take(() => session.open());
  return {
    hold: (values) => hold(engine, session, names, values),
    release: () => engine.turns.take(() => session.release()),
  };
}

function hold(engine: Engine, session: DeviceSession, names: readonly string[], values: Tensors): HeldValues {
  const { runtime, turns } = engine;
  let tensors: Record<string, Ort.Tensor> | undefined = toOrt(runtime, values);
  /** Undefined until the first run: before, the values are here. */
  let heldOn: OpenDevice | undefined;
  const requireHeld = (): Record<string, Ort.Tensor> => {
    if (tensors === undefined) throw new Error('the values have been released');
    return tensors;
  };
  return {
    run: (steps) =>
      turns.take(async () => {
        requireHeld();
        if (heldOn?.isLost) await heldOn.loss;
        const opened = await session.open();
        const returned: Record<string, Ort.Tensor>[] = [];
        for (const feeds of steps) {
          const before = requireHeld();
          const outputs = { ...(await runOn(opened, { ...before, ...toOrt(runtime, feeds) })) };
          heldOn = opened.on;
          const after: Record<string, Ort.Tensor> = {};
          for (const name of names) {
            const value = outputs[`${name}_next`];
            if (value === undefined)
              throw new HanseError('graphMalformed', { reason: `no output ${name}_next` });
            after[name] = value;
            delete outputs[`${name}_next`];
          }
          tensors = after;
          dispose(before);
          returned.push(outputs);
        }
        try {
          return await Promise.all(returned.map((outputs) => readAll(opened.on, outputs)));
        } finally {
          for (const outputs of returned) dispose(outputs);
        }
      }),
    read: () => turns.take(() => readAll(heldOn, requireHeld())),
    release: () => {
      if (tensors === undefined) return;
      // Not during a run, which may be reading them.
      void turns.take(async () => {
        if (tensors !== undefined) dispose(tensors);
        tensors = undefined;
      });
    },
  };
}

function dispose(tensors: Readonly<Record<string, Ort.Tensor>>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** @param on where they are, if they are on a device; they stay there */
async function readAll(
  on: OpenDevice | undefined,
  tensors: Readonly<Record<string, Ort.Tensor>>,
): Promise<Tensors> {
  const reading = Object.entries(tensors).map(async ([name, tensor]) => {
    const { type, dims } = tensor;
    return [name, { type, dims, data: await tensor.getData() }] as const;
  });
  const read = Promise.all(reading);
  return fromOrt(Object.fromEntries(await (on ? Promise.race([read, on.loss]) : read)));
}
