/**
 * The device of a graphics card in a browser, and what becomes of it. W3C WebGPU.
 *
 * A device can be lost at any time: a driver that restarts, a laptop that changes cards. Whoever waits for one is then
 * told `deviceLost`, and whoever asks next is given a new one.
 */
import { HanseError } from '../../protocol/problem.ts';
import { webgpuUnavailable } from './webgpu-sessions.ts';

export interface OpenDevice {
  readonly device: GPUDevice;
  readonly adapter: GPUAdapterInfo;
  /** Rejects with `deviceLost`; never resolves. */
  readonly loss: Promise<never>;
  isLost: boolean;
}

/** One device at a time, and another one once it is lost. */
export class Devices {
  readonly #gpu: GPU | undefined;
  #opening: Promise<OpenDevice> | undefined;

  /** @param gpu that of the browser; absent where it has none */
  constructor(gpu: GPU | undefined) {
    this.#gpu = gpu;
  }

  /** Throws `providerUnavailable`. */
  async current(): Promise<OpenDevice> {
    const opened = await this.#opening?.catch(() => undefined);
    if (opened && !opened.isLost) return opened;
    this.#opening = this.#open();
    return this.#opening;
  }

  async #open(): Promise<OpenDevice> {
    if (this.#gpu === undefined) throw webgpuUnavailable('this browser has no WebGPU');
    const adapter = await this.#gpu.requestAdapter({ powerPreference: 'high-performance' });
    if (adapter === null) throw webgpuUnavailable('this browser has WebGPU, but finds no adapter');
    const { features, limits } = adapter;
    try {
      const device = await adapter.requestDevice({
        requiredFeatures: FEATURES.filter((feature) => features.has(feature)),
        requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, limits[name]])),
      });
      return watch(device, adapter.info);
    } catch (cause) {
      throw webgpuUnavailable('the adapter gives no device', cause);
    }
  }
}

/** What ONNX Runtime asks for where there is such a thing. */
const FEATURES = ['shader-f16', 'subgroups'] as const;
const LIMITS = [
  'maxBindGroups',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
  'maxComputeWorkgroupSizeZ',
] as const;

function watch(device: GPUDevice, adapter: GPUAdapterInfo): OpenDevice {
  const loss = device.lost.then(({ reason, message }): never => {
    opened.isLost = true;
    throw new HanseError('deviceLost', { reason: `${reason}: ${message}`.slice(0, 200) });
  });
  loss.catch(() => {}); // told to whoever waits
  const opened: OpenDevice = { device, adapter, loss, isLost: false };
  return opened;
}
